"""Redaction: what it adds to an ordinary line, and to texts that are made to take long.

``python -m benchmarks.redaction`` shows that the time of the latter grows in proportion, up to the
64 KiB of a text that are searched. ``--beside PATH`` compares ordinary ones with another checkout
of this project instead, in one process, by turns.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.apps import flask_hello
from benchmarks.costs import Cost
from benchmarks.timing import Call, Subject, repeated, request
from wsgi_observe import log_context
from wsgi_observe.logs import JsonFormatter, LineHandler
from wsgi_observe.redaction import Redactor

REDACTION = "What redaction adds"

PROSE = (
    "Order 4711 of customer 8812 was placed in 12 ms: 3 items, total 99.50 EUR, warehouse "
    "Hamburg, carrier DHL Express, next stop Rotterdam at 14:30 (attempt=1, retried=0), "
    "and all of it is well so far. OK"
)
"""An ordinary line of 200 characters, with four places where a value could be."""

ADVERSARIAL = {
    "prose": f"{PROSE} ",
    "one word": "a",
    "digits": "4",
    "spaces": " ",
    "quotes": '"',
    "backslashes": "\\",
    "open brackets": "[",
    "brackets in names": "a[",
    "escapes in names": "\\u0061",
    "separators": "=",
    "names": "ab1=",
    "secrets": "password=x ",
    "names of two words": "api key: ",
    "secrets in a row": "token=a,",
    "values that never close": "token=(",
    "quotes that never close": 'token={"',
    "quotes within quotes": 'token=\\"',
    "angle brackets that never close": "token=<a ",
    "calls": "token=a(b)",
    "URLs without an end": "://a:",
    "URLs with a password": "http://u:p@",
    "encoded queries": "%26token%3Da",
    "beginnings of tokens": "eyJ",
    "beginnings of keys": "-----BEGIN ",
    "keys without an end": "-----BEGIN PRIVATE KEY-----",
    "credentials": "Bearer ",
    "parameters": "[parameters: (",
    "options": "--token a ",
    "frames": '  File "a", line 1\n    token = "(a\n',
    "addresses": "a@b.",
    "numbers like a card's": "4 1-",
    "quoted header names": '"Cookie: a", ',
    "options without an end": "--a%",
}


def subjects() -> dict[str, Subject]:
    """Return what is measured: the text alone, and a whole line with and without redaction."""
    redactor = Redactor()
    plain = PROSE.replace(":", ",").replace("=", " ")
    calls: dict[str, Call] = {
        "Flask": request(flask_hello()),
        "text": lambda: redactor.text(PROSE),
        "text without separators": lambda: redactor.text(plain),
        "line": _line(redact=True),
        "line, as it is": _line(redact=False),
    }
    return {name: repeated(call) for name, call in calls.items()}


def _line(*, redact: bool) -> Call:
    handler = LineHandler("stdout")
    handler.setFormatter(JsonFormatter(redact=redact))
    logger = logging.getLogger(f"benchmark.{redact}")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)

    def call() -> None:
        with log_context("a", order=4711, customer="8812"):
            logger.info(PROSE, extra={"warehouse": "Hamburg"})

    return call


def costs() -> list[Cost]:
    """Return what redaction adds to a text, and to a line."""
    texts = {
        "200 characters with nothing to redact": ("text", None),
        "the same without `=` and `:`": ("text without separators", None),
        "a line of them with three fields, what redaction adds": ("line", "line, as it is"),
    }
    return [
        Cost(
            REDACTION,
            what,
            f"redaction: {of}",
            f"redaction: {minus}" if minus else None,
            "redaction: Flask",
        )
        for what, (of, minus) in texts.items()
    ]


def main() -> None:
    """Show milliseconds by size for each text, and the last size's by the first's."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.redaction", description=__doc__)
    parser.add_argument("--kilobytes", type=int, nargs="+", default=(16, 64, 1024))
    parser.add_argument("--beside", type=Path, metavar="PATH", help="of another checkout")
    arguments = parser.parse_args()
    is_compared = arguments.beside is not None
    table = beside(arguments.beside) if is_compared else sizes(arguments.kilobytes)
    Console().print(table)


def sizes(kilobytes: Sequence[int]) -> Table:
    """Return that table; in proportion the last column is the last size by the first."""
    redactor = Redactor(personal=True)
    table = Table(title="Milliseconds", title_justify="left")
    for heading in ("text", *(f"{size} KB" for size in kilobytes), "last ÷ first"):
        table.add_column(heading, justify="left" if heading == "text" else "right")
    for what, piece in ADVERSARIAL.items():
        spent = [_seconds(redactor, piece, size * 1024) for size in kilobytes]
        shown = (f"{seconds * 1000:.1f}" for seconds in spent)
        table.add_row(what, *shown, f"{spent[-1] / spent[0]:.1f}")
    return table


_ROUNDS = 60
_CORPUS = Path(__file__).parent.parent / "tests/redaction/corpora/ordinary_0.txt"
_LINES = (
    *(
        PROSE,
        "GET /orders/4711 200",
        "order 4711 placed",
        "user logged in: 42",
        "carrier DHL Express",
    ),
    *(
        "payment of 99.50 EUR accepted, order=4711 customer=8812",
        "retrying in 2.5s (attempt 3 of 5)",
    ),
    *("upstream https://api.example.com/v1/orders answered 200 in 12 ms", "/api/v1/customers/8812"),
    *("job 0192f1c0-7e5a-7c3e-8f4b-2a1b3c4d5e6f finished", "2026-11-28 22:18:38,000 starting"),
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
)
_FIELDS = {"warehouse": "Hamburg", "order": 4711, "carrier": "DHL Express", "route": "/orders/<id>"}


_random = random.Random(0)

ORDINARY: dict[str, Callable[[], list[Any]]] = {
    "lines of an app": lambda: [*_LINES] * 10,
    "with other numbers": lambda: [f"order {_number()} placed: ok" for _ in range(200)],
    "with other words": lambda: [f"order by {_word()} placed: ok" for _ in range(200)],
    "lines of the tests": lambda: _CORPUS.read_text("utf-8").splitlines(),
    "fields": lambda: [*_FIELDS.items()] * 50,
}
"""What makes the texts, or the fields, of a round."""


def _number() -> int:
    return _random.randrange(10**6)


def _word() -> str:
    return "".join(_random.choices("abcdefghijklmnop", k=8))


def beside(checkout: Path) -> Table:
    """Return a table of the nanoseconds for a text or field: the least of all rounds."""
    redactors = {"here": Redactor(), "there": _redactor_of(checkout)}
    table = Table(title=f"Nanoseconds, beside {checkout}", title_justify="left")
    for heading in ("", *redactors, "here ÷ there"):
        table.add_column(heading, justify="right" if heading else "left")
    for what, texts in ORDINARY.items():
        calls = {name: _over(one, texts) for name, one in redactors.items()}
        best = dict.fromkeys(calls, float("inf"))
        for _ in range(_ROUNDS):
            made = texts()
            for name, call in calls.items():
                began = perf_counter()
                call(made)
                best[name] = min(best[name], (perf_counter() - began) / len(made) * 1e9)
        shown = (f"{spent:.0f}" for spent in best.values())
        table.add_row(what, *shown, f"{best['here'] / best['there']:.2f}")
    return table


def _over(redactor: Any, texts: Callable[[], list[Any]]) -> Callable[[list[Any]], object]:
    """Return what redacts all of the texts, or fields, of a round."""
    if all(isinstance(one, str) for one in texts()):
        return lambda made: [redactor.text(one) for one in made]
    return lambda made: [redactor.field(*one) for one in made]


def _redactor_of(checkout: Path) -> Any:
    """Return the redactor of another checkout, whose modules have the names of ours."""
    ours = {name: sys.modules.pop(name) for name in [*sys.modules] if _is_ours(name)}
    sys.path.insert(0, str(checkout.resolve()))
    try:
        return import_module("wsgi_observe.redaction").Redactor()
    finally:
        sys.path.pop(0)
        for name in filter(_is_ours, [*sys.modules]):
            del sys.modules[name]
        sys.modules.update(ours)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == "wsgi_observe"


def adversarial(piece: str, length: int) -> str:
    """Return a text of that many characters made of one piece."""
    return (piece * (length // len(piece) + 1))[:length]


def _seconds(redactor: Redactor, piece: str, length: int) -> float:
    text = adversarial(piece, length)
    best = float("inf")
    for _ in range(3):
        began = process_time()
        redactor.text(text)
        best = min(best, process_time() - began)
    return best


if __name__ == "__main__":
    main()
