"""The examples, tables and links of the documentation, compared with the code."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests.docs.pages import FOLDER, PAGES, ROOT, blocks, rows, section
from tests.support import strict_json
from wsgi_observe import Settings
from wsgi_observe.field_names import RESERVED_NAMES
from wsgi_observe.redaction import Redactor

JSON_EXAMPLES = [
    pytest.param(text, id=f"{page}-{number}")
    for page in PAGES
    for block in blocks(page, "json")
    # A block is one document, or has one on each line.
    for number, text in enumerate([block] if "\n  " in block else block.splitlines())
]
PARSED = [json.loads(example.values[0]) for example in JSON_EXAMPLES]  # type: ignore[arg-type]
LINES = [line for line in PARSED if "timestamp" in line]

# What a line has beside the names of the contract: the fields of one kind of line each.
BOOT = {"versions", "gunicorn", "worker_class", "settings", "stack", "health", "checks"}
DEATH = {"age", "cause", "worker_pid"}
JOB = {"job", "job_id", "retry"}
OWN = {"order_id", "service"}  # the example's


def test_the_table_of_settings_has_every_setting_with_its_default() -> None:
    cells = [row for row in rows(PAGES["settings"]) if re.fullmatch(r"`\w+`", row[0])]
    shown = [(name.strip("`"), ast.literal_eval(default.strip("`"))) for name, default, _ in cells]
    assert shown == list(vars(Settings()).items())


@pytest.mark.parametrize("text", JSON_EXAMPLES)
def test_every_json_example_is_strict_json(text: str) -> None:
    assert isinstance(strict_json(text), dict)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["message"][:30])
def test_every_log_line_has_only_fields_that_are_written(line: dict[str, object]) -> None:
    assert line.keys() <= RESERVED_NAMES | BOOT | DEATH | JOB | OWN
    assert list(line)[:6] == ["timestamp", "level", "logger", "module", "message", "pid"]


def test_the_modules_of_our_own_log_lines_exist() -> None:
    named = {line["module"] for line in LINES if line["logger"].startswith("wsgi_observe.")}
    assert named
    assert named <= {path.stem for path in (ROOT / "wsgi_observe").rglob("*.py")}


def test_the_queries_by_id_ask_for_fields_that_a_line_has() -> None:
    queries = {
        where: text.strip("`").replace("\\|", "|")
        for where, text in rows(section("logging", "Find the lines of one request"))
    }
    (line,) = [strict_json(text) for text in blocks("README", "json") if '"exc_info"' in text]
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
    for page in ("README", "errors", "getting-started"):
        document = json.loads(blocks(page, "json")[0])
        assert list(document) == ["code", "name", "description", "request_id"]


def test_the_health_check_of_a_target_group_asks_what_is_answered_and_waits_long_enough() -> None:
    (target_group,) = [document for document in PARSED if "HealthCheckPath" in document]
    defaults = Settings()
    assert target_group["HealthCheckPath"] == defaults.ready_path
    # What AWS accepts: a timeout is shorter than the interval.
    interval = target_group["HealthCheckIntervalSeconds"]
    assert defaults.check_timeout < target_group["HealthCheckTimeoutSeconds"] < interval


def redaction_examples() -> Iterator[Any]:
    """Return the rows of the tables of what a line has, with the redactor that each is about."""
    (environment,) = [yaml.safe_load(text)["environment"] for text in blocks("redaction", "yaml")]
    for redactor, text in (
        (Redactor(), PAGES["redaction"].partition("\n## ")[0]),
        (Settings.from_env(environment).redactor(), section("redaction", "Your own patterns")),
    ):
        table = text.partition("| What was logged |")[2].partition("\n\n")[0]
        for cells in rows(f"\n|{table}\n"):
            logged, written = (cell.strip("`") for cell in cells)
            yield pytest.param(redactor, logged, written, id=logged)


@pytest.mark.parametrize(("redactor", "logged", "written"), list(redaction_examples()))
def test_the_examples_of_redaction(redactor: Redactor, logged: str, written: str) -> None:
    if logged.startswith("{"):
        assert str(redactor.value(ast.literal_eval(logged))) == written
    else:
        assert redactor.text(logged) == written


def test_every_variable_of_the_environment_is_a_setting() -> None:
    named = {name for text in PAGES.values() for name in re.findall(r"WSGI_OBSERVE_(\w+)", text)}
    assert named - {name.upper() for name in vars(Settings())} == set()


def test_the_tree_of_the_contributors_page_is_that_of_the_package() -> None:
    listed = [row[0].strip("`") for row in rows(section("contributing", "The tree"))]
    package = ROOT / "wsgi_observe"
    there = {
        f"wsgi_observe/{path.name}"
        for path in package.iterdir()
        if (path.suffix == ".py" and not path.stem.startswith("_"))
        or (path.is_dir() and any(path.glob("*.py")))
    }  # fmt: skip
    assert sorted(listed) == sorted(there)


def test_the_picture_is_the_same_in_light_and_in_dark() -> None:
    light, dark = (
        (FOLDER / "images" / f"request.{mode}.svg").read_text(encoding="utf-8")
        for mode in ("light", "dark")
    )
    without_colours = [re.sub(r"#[0-9a-f]{6}", "#", text) for text in (light, dark)]
    assert without_colours[0] == without_colours[1]
    assert light != dark
    assert "RequestID" in "".join(ElementTree.fromstring(light).itertext())


def test_every_relative_link_of_the_repositorys_own_pages_has_a_target() -> None:
    for page in ("README", "CONTRIBUTING"):
        for path, heading in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", PAGES[page]):
            target = ROOT / path
            assert target.exists(), path
            if heading:
                titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
                assert heading in {
                    re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles
                }


def test_the_readme_is_a_first_page() -> None:
    assert PAGES["README"].count("\n") <= 150
