"""`--html`: one page that holds whatever a log has, and lets none of it act."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.cli.log_commands import run, write
from tests.cli.page_lines import ATTACKS, hostile_lines, make_page
from tests.logreader.log_lines import FAILED_REQUEST, ID, access_line, error_line, line
from wsgi_observe.cli.page.queries import make_queries

COMMANDS = {"trace": ("trace", ID), "errors": ("errors",)}
ASSETS = Path(__file__).parents[2] / "wsgi_observe" / "cli" / "page" / "assets"
VOID = {"input", "meta"}


class Parsed(HTMLParser):
    """The elements of a page, its texts, and whether each is closed where it has to be."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.source = page.read_text("utf-8")
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(self.source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    @property
    def forms(self) -> set[tuple[str, ...]]:
        """The names of elements with those of their attributes."""
        return {(tag, *sorted(names)) for tag, names in self.elements}

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def values(self, *names: str) -> list[str]:
        return [value for _, each in self.elements for name, value in each.items() if name in names]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_nothing_in_a_log_becomes_markup(
    attack: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    page = Parsed(make_page(tmp_path, hostile_lines(attack), *command))
    plain = Parsed(make_page(tmp_path, hostile_lines("plain\ntext"), *command))
    assert page.forms <= plain.forms
    assert {value[:1] for value in page.values("href")} <= {"#"}
    assert page.values("src", "style", "action", "srcdoc", "onload") == []
    assert page.values("id") == list(dict.fromkeys(page.values("id")))
    assert not [c for c in page.source if not (c.isprintable() or c == "\n")]
    assert len(page.source) < 3_000_000


def test_a_text_is_shown_as_it_was_logged(tmp_path: Path) -> None:
    texts = [ATTACKS[name] for name in ("script", "double-quote", "entity", "template", "comment")]
    page = Parsed(make_page(tmp_path, list(map(line, texts)), "trace", ID))
    assert [text for text in texts if text not in page.text] == []


def test_directions_and_control_characters_are_shown_as_escapes(tmp_path: Path) -> None:
    text = "a\u202eb\x1b[2J\x00c\nd\te"
    page = Parsed(make_page(tmp_path, [line(text)], "trace", ID))
    assert "a\\u202eb\\x1b[2J\\x00c" in page.text
    assert "a\\u202eb\\x1b[2J\\x00c\nd    e" in page.text


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_page_is_one_file_whose_policy_allows_its_own_style_and_script_alone(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    page = Parsed(make_page(tmp_path, FAILED_REQUEST, *command))
    (policy,) = [each["content"] for _, each in page.elements if "http-equiv" in each]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules.pop("style-src").startswith("'sha256-")
    assert rules.pop("script-src").startswith("'sha256-")
    assert rules == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert not {"link", "img", "iframe", "object", "base"} & {tag for tag, _ in page.elements}
    assert not re.search(r"url\(|@import|https?:", page.source)
    for tag, name in (("style", "page.css"), ("script", "page.js")):
        assert page.source.count(f"<{tag}>{(ASSETS / name).read_text()}</{tag}>") == 1


def test_a_story_has_headline_cause_facts_and_records(tmp_path: Path) -> None:
    lines = [
        line(at=0.1, level="DEBUG", order_id=7, buffered=True),
        error_line(service="shop", release="1.4.2"),
        access_line(service="shop", release="1.4.2"),
        line("mail queued", 4.0),
    ]
    page = Parsed(make_page(tmp_path, lines, "trace", ID[:12]))
    text = page.text
    assert f"GET /crash 500 · {ID}" in text
    for fact in ("2026-11-29 02:06:44.000 UTC", ID, "192.0.2.7", "shop 1.4.2", "complete", "145 B"):
        assert fact in text
    cause, _, timeline = text.partition("Timeline")
    assert "shop.prices.PaymentError: no charges ← ZeroDivisionError: division by zero" in cause
    assert "prices.py:36 in average" in cause
    shown = ("+100.0 ms", "order_id=7", "300.0 ms without a record", "views.py:22 in crash")
    after = ("1 library frame: flask 1", "caused by", "after the response", "mail queued")
    places = [timeline.index(each) for each in (*shown, *after)]
    assert places == sorted(places)
    classes = page.values("class")
    assert {"record debug buffered", "record error", "record access", "record info"} <= set(classes)


def test_a_request_without_an_end_says_so_and_has_its_cause(tmp_path: Path) -> None:
    text = Parsed(make_page(tmp_path, FAILED_REQUEST[:2], "trace", ID)).text
    assert "No access line: the request has not ended" in text
    assert "shop.prices.PaymentError: no charges" in text.partition("Timeline")[0]


def test_the_errors_page_lists_groups_and_opens_the_stories_of_the_newest_requests(
    tmp_path: Path,
) -> None:
    lines = [
        text
        for number in range(7)
        for text in (
            line(f"charging card {number}", number, level="DEBUG", request_id=f"id-{number}"),
            error_line(number, request_id=f"id-{number}", release="1.0", error_id="9f3ac2d81b07"),
        )
    ]
    lines += [access_line(60, 503, level="ERROR", request_id="id-9", path="/stock", route="/stock")]
    page = Parsed(make_page(tmp_path, lines, "errors"))
    text = page.text
    assert "8 errors in 2 groups" in text
    for fact in ("7 errors in 7 requests", "1 error in 1 request", "/crash (7)", "1.0 (7)"):
        assert fact in text
    assert "9f3ac2d81b07" in text
    assert "503 without an exception GET /stock" in text
    assert page.values("class").count("sparkline") == 3
    # The DEBUG lines are in the stories alone.
    assert [n for n in range(7) if f"charging card {n}" in text] == [4, 5, 6]
    assert [n for n in range(7) if f"id-{n}" in text] == [2, 3, 4, 5, 6]


def test_a_request_that_is_in_two_groups_has_one_story(tmp_path: Path) -> None:
    lines = [line("lost it", level="ERROR"), *FAILED_REQUEST]
    page = Parsed(make_page(tmp_path, lines, "errors"))
    assert page.values("href").count("#story-0-0") == 1
    assert "story-1-0" not in page.values("id")


def test_errors_reads_a_pipe_that_it_needs_twice(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = run("errors", "--html", page, stdin="\n".join(FAILED_REQUEST))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert "order read" in Parsed(page).text


def test_lines_of_one_request_in_any_wrapping_are_in_its_story(tmp_path: Path) -> None:
    other = json.dumps({"time": 1795918004300, "msg": "stock asked", "req": {"id": ID}})
    cri = "2026-11-29T02:06:44Z stdout"
    text = line("split by the runtime")
    split = [f"{cri} P {text[:50]}", f"{cri} F {text[50:]}"]
    whole = [f"{cri} F {each}" for each in (*FAILED_REQUEST, other)]
    shown = Parsed(make_page(tmp_path, [*whole, *split], "errors")).text
    assert "stock asked" in Parsed(make_page(tmp_path, [*FAILED_REQUEST, other], "errors")).text
    assert "stock asked" in shown
    assert "split by the runtime" in shown


def test_a_page_goes_to_standard_output(tmp_path: Path) -> None:
    log = write(tmp_path / "shop.log", FAILED_REQUEST)
    done = run("trace", ID, log, "--html", "-")
    assert done.returncode == 0
    assert done.stdout.startswith("<!doctype html>\n")
    assert done.stdout.endswith("</html>\n")


def test_a_page_is_replaced_and_a_log_is_not(tmp_path: Path) -> None:
    log = write(tmp_path / "shop.log", FAILED_REQUEST)
    page = tmp_path / "page.html"
    for _ in range(2):
        assert run("trace", ID, log, "--html", page).returncode == 0
    before = log.read_text()
    done = run("errors", "--html", log, stdin=before)
    assert (done.returncode, log.read_text()) == (2, before)
    assert "shop.log exists and is no page: it is not replaced" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(("trace", "none"), 1, "no line has the request ID none", id="unknown-id"),
        pytest.param(("trace", ID, "--json"), 2, "not allowed with argument --json", id="json-too"),
    ],
)
def test_without_a_story_there_is_no_page(
    arguments: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    log, page = write(tmp_path / "shop.log", FAILED_REQUEST), tmp_path / "page.html"
    done = run(*arguments, log, "--html", page)
    assert (done.returncode, page.exists()) == (code, False)
    assert message in done.stderr


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    log = write(tmp_path / "shop.log", FAILED_REQUEST)
    done = run("trace", ID, log, "--html", tmp_path / "missing" / "page.html")
    assert done.returncode == 2
    assert "page.html: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_log_without_errors_is_a_page_too(tmp_path: Path) -> None:
    assert "No errors" in Parsed(make_page(tmp_path, [access_line(status=200)], "errors")).text


def test_the_page_needs_no_third_party(tmp_path: Path) -> None:
    log = write(tmp_path / "shop.log", FAILED_REQUEST)
    program = (
        "import sys; from wsgi_observe.cli import main; sys.modules['rich'] = None; "
        "sys.exit(main(sys.argv[1:]))"
    )
    page = tmp_path / "page.html"
    command = [sys.executable, "-c", program, "trace", ID, str(log), "--html", str(page)]
    assert subprocess.run(command, check=False, timeout=20).returncode == 0
    assert page.exists()


def test_of_too_many_records_the_failures_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsgi_observe.cli.page.story.MAX_RECORDS", 10)
    lines = [line(f"step {number}", number / 100) for number in range(100)]
    lines[40] = error_line(0.4)
    text = Parsed(make_page(tmp_path, lines, "trace", ID)).text
    assert "no charges" in text.partition("Timeline")[2]
    assert [n for n in range(100) if f'"step {n}"' in text] == [0, 1, 2, 3, 96, 97, 98, 99]
    assert "36 records left out" in text
    assert "55 records left out" in text


@pytest.mark.parametrize("make", [lambda text: text, lambda text: f"{text}{text}"], ids=["", "two"])
@pytest.mark.parametrize(
    "request_id", [*('a"b', 'a\\"b', "a\\", '\\\\"', "a`b", "a'b | delete", "é\u202e\n")]
)
def test_no_id_ends_its_string_in_a_query(request_id: str, make: Callable[[str], str]) -> None:
    queries = dict(make_queries(make(request_id), 'shop"} or {a="'))
    assert len(queries) == 3
    string = re.compile(r'"(?:[^"\\]|\\.)*"')
    plain = dict(make_queries("a.b", "shop"))
    for name, query in queries.items():
        assert query.isascii()
        assert query.isprintable()
        bare = string.sub("S", query).replace(" |= S", "")
        assert bare == string.sub("S", plain[name]).replace(" |= S", "")


def test_the_queries_of_an_id_of_ours_are_those_of_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "logging.md").read_text().replace("\\|", "|")
    queries = dict(make_queries("01a20426de6971639deac60204342e73", "shop"))
    assert [name for name, query in queries.items() if f"`{query}`" not in page] == []


def test_of_a_stack_the_apps_frames_are_shown_and_all_of_it_unfolds(tmp_path: Path) -> None:
    library = '  File "/usr/lib/python3.11/site-packages/flask/app.py", line 9, in call\n    view()'
    own = '  File "/srv/shop/views.py", line 22, in crash\n    with lock:'
    lines = [line("runs", age=0.3, stack=f"{library}\n{own}"), access_line()]
    shown, _, folded = (
        make_page(tmp_path, lines, "trace", ID).read_text().partition("Stack as logged")
    )
    assert "<code>with lock:</code>" in shown
    assert "view()" not in shown
    assert "view()" in folded


def test_the_errors_page_names_warnings_or_groups_them(tmp_path: Path) -> None:
    lines = [line("low", level="WARNING"), line("lower", level="WARNING", route="/b")]
    text = Parsed(make_page(tmp_path, lines, "errors")).text
    assert "No errors" in text
    assert "2 warnings, which --level WARNING shows in groups" in text
    text = Parsed(make_page(tmp_path, lines, "errors", "--level", "WARNING")).text
    assert "2 warnings in 2 groups" in text
    assert "1 warning in 1 request" in text
