"""What the README claims, held against the code."""

import ast
import json
import re
from pathlib import Path

import pytest

from tests.support import strict_json
from wsgi_observe import Settings

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```json\n(.*?)```", README, re.S)
JSON_EXAMPLES = [  # a block is one document, or has one on each line
    text for block in BLOCKS for text in ([block] if "\n  " in block else block.splitlines())
]
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.S)


def test_the_table_of_settings_has_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", README, re.M)
    defaults = Settings()
    assert [(name, ast.literal_eval(text)) for name, text in rows] == list(vars(defaults).items())


@pytest.mark.parametrize("text", JSON_EXAMPLES)
def test_every_json_example_is_strict_json(text: str) -> None:
    assert isinstance(strict_json(text), dict)


def test_the_queries_by_id_ask_for_fields_that_a_line_has() -> None:
    cells = re.findall(r"^\| (CloudWatch Logs Insights|Datadog|Loki) \| `(.+)` \|$", README, re.M)
    queries = {where: text.replace("\\|", "|") for where, text in cells}
    (line,) = [json.loads(one) for one in JSON_EXAMPLES if '"exc_info"' in one]
    shown, wanted, order = queries["CloudWatch Logs Insights"].split(" | ")
    names = set(shown.removeprefix("fields ").split(", ")) - {"@timestamp"}  # its own
    assert names <= line.keys()
    assert wanted == f'filter request_id = "{line["request_id"]}"'
    assert order == "sort @timestamp asc"
    assert queries["Datadog"] == f"@request_id:{line['request_id']}"
    stream, contains, parser, by_id = re.split(r" \|=? ?(?=[\w\"])", queries["Loki"])
    assert re.fullmatch(r'\{\w+="shop"\}', stream)  # a label of the collector's, not a field
    assert contains == f'"{line["request_id"]}"'
    assert (parser, by_id) == ("json", f'request_id="{line["request_id"]}"')


def test_the_example_of_an_error_has_the_four_keys() -> None:
    assert list(json.loads(JSON_EXAMPLES[0])) == ["code", "name", "description", "request_id"]


def test_the_health_check_of_a_target_group_asks_what_is_answered_and_waits_long_enough() -> None:
    parsed = [json.loads(text) for text in JSON_EXAMPLES]
    (target_group,) = [document for document in parsed if "HealthCheckPath" in document]
    defaults = Settings()
    assert target_group["HealthCheckPath"] == defaults.ready_path
    # What AWS accepts: a timeout is shorter than the interval.
    interval = target_group["HealthCheckIntervalSeconds"]
    assert defaults.check_timeout < target_group["HealthCheckTimeoutSeconds"] < interval


def test_the_snippets_run_with_a_shop_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_logging: None
) -> None:
    (tmp_path / "shop.py").write_text(
        "from flask import Flask\n\n\ndef create_app():\n    app = Flask('shop')\n"
        "    app.get('/')(lambda: 'hello')\n    return app\n\n\ndef ping_database():\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    names: dict[str, object] = {}
    for snippet in SNIPPETS:
        exec(compile(snippet, "README.md", "exec"), names)
    answer = names["app"].test_client().get("/", buffered=True)  # type: ignore[attr-defined]
    assert (answer.status_code, answer.data) == (200, b"hello")
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])
