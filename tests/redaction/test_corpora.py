"""The share of ordinary log lines that is altered, and of planted secrets that is caught.

One message a line: `␊` is a line feed, `␍` a carriage return. A secret stands between `⟦` and `⟧`;
`¦` is dropped: it keeps scanners of repositories from taking an invented token for a real one.
"""

import re
from pathlib import Path

from wsgi_observe.redaction import Redactor

CORPORA = Path(__file__).parent / "corpora"
REDACTOR = Redactor()
_secret = re.compile("⟦(.*?)⟧", re.DOTALL)


def lines(kind: str) -> list[str]:
    texts = [one.read_text(encoding="utf-8") for one in sorted(CORPORA.glob(f"{kind}_*.txt"))]
    return [
        line.replace("␍", "\r").replace("␊", "\n").replace("¦", "")
        for text in texts
        for line in text.split("\n")
        if line
    ]


def test_of_ordinary_messages_hardly_any_is_altered() -> None:
    ordinary = lines("ordinary")
    altered = [line for line in ordinary if REDACTOR.text(line) != line]
    assert len(altered) <= 0.03 * len(ordinary), altered
    assert len(set(ordinary)) >= 1_500


def test_of_planted_secrets_nearly_all_are_caught() -> None:
    planted = [
        (secret, shown)
        for line in lines("secrets")
        for shown in [REDACTOR.text(re.sub("[⟦⟧]", "", line))]
        for secret in _secret.findall(line)
    ]
    shown = [secret for secret, text in planted if secret in text]
    assert len(shown) <= 0.03 * len(planted), shown
    assert len(planted) >= 700
