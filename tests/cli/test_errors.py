"""`wsgi-observe errors`: the failures of a log in groups, and an exit code for scripts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.log_commands import ESCAPES, run, write
from tests.cli.test_trace import HOSTILE
from tests.logreader.log_lines import access_line, error_line, line
from wsgi_observe.cli import main

LINES = [
    *(error_line(at, request_id=f"id-{at}", release="1.0", service="shop") for at in range(5)),
    *(access_line(request_id=f"id-{at}", exc_type="PaymentError") for at in range(5)),
    line("lost 7 of 9", 40, level="ERROR", release="1.0", path="/cart", route="/cart"),
    access_line(
        60, 503, level="ERROR", release="1.1", request_id="id-9", path="/stock", route="/stock"
    ),
    line("fine", 60, release="1.1"),
    "plain text",
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "shop.log", LINES)


def groups_of(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[Any]:
    code = main(["errors", "--json", *map(str, arguments)])
    groups = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert code == bool(groups)
    return groups


def titles(groups: list[Any]) -> list[str]:
    return [group["title"] for group in groups]


def test_each_cause_is_a_group_the_most_frequent_first(log: Path) -> None:
    done = run("errors", log)
    assert (done.returncode, done.stderr) == (1, "")
    first, second, third, end = done.stdout.split("\n\n")
    assert first.splitlines()[0] == "shop.prices.PaymentError"
    assert "  no charges\n  /srv/shop/prices.py:36 in average\n" in first
    assert "5 errors in 5 requests, 2026-11-29 02:06:44 to 02:06:48 UTC\n" in first
    assert "  routes   /crash (5)\n  services shop (5)\n  releases 1.0 (5)\n" in first
    assert first.endswith("  newest   id-4  id-3  id-2  id-1  id-0")
    assert second.startswith("lost 7 of 9\n")
    assert third.startswith("503 without an exception  GET /stock\n")
    assert end.startswith("7 errors in 3 groups (14 lines from 2026-11-29 02:06:44 to 02:07:44 UTC")
    assert end.endswith("1 of others)\n")


def test_the_sparkline_shows_when(log: Path) -> None:
    (first, *_) = run("errors", log).stdout.split("\n\n")
    (drawn,) = [text for text in first.splitlines() if "errors in" in text]
    assert drawn.startswith("  ▄█▄▄" + " " * 36)


def test_a_log_without_errors_has_exit_code_zero(tmp_path: Path) -> None:
    done = run("errors", write(tmp_path / "log", [line("mentions ERROR"), access_line()]))
    assert done.returncode == 0
    assert done.stdout.startswith("no errors (2 lines from ")


def test_standard_input_is_read_whatever_wraps_it() -> None:
    docker = [json.dumps({"log": f"{one}\n", "stream": "stdout"}) for one in LINES]
    done = run("errors", "--json", stdin="\n".join(docker))
    assert done.returncode == 1
    assert [json.loads(one)["count"] for one in done.stdout.splitlines()] == [5, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--route", "/cart"], ["lost 7 of 9"]),
        (["--route", "/c*"], ["shop.prices.PaymentError", "lost 7 of 9"]),
        (["--service", "shop"], ["shop.prices.PaymentError"]),
        (["--since", "2026-11-29T02:07:30Z"], ["503 without an exception"]),
        (["--until", "2026-11-29T02:07:00Z"], ["shop.prices.PaymentError"]),
        (["--since", "2026-11-29T02:07", "--until", "2026-11-29T02:07:30"], ["lost 7 of 9"]),
        (["--since", "5m"], []),
        (["--new-since", "1.1"], ["503 without an exception"]),
    ],
    ids=str,
)
def test_errors_are_filtered(
    arguments: list[str], expected: list[str], log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert titles(groups_of(capsys, *arguments, log)) == expected


def test_an_unknown_release_names_those_there_are(log: Path) -> None:
    done = run("errors", "--new-since", "2.0", log)
    assert done.returncode == 2
    assert "no line has the release 2.0; those of the input: 1.0, 1.1" in done.stderr


def test_a_group_in_json_has_everything(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    group, *_ = groups_of(capsys, log)
    assert group == {
        "kind": "exception", "level": "ERROR",
        "title": "shop.prices.PaymentError", "message": "no charges",
        "error_id": None, "count": 5, "requests": 5,
        "first_seen": "2026-11-29T02:06:44.000Z", "last_seen": "2026-11-29T02:06:48.000Z",
        "frame": {"path": "/srv/shop/prices.py", "line": 36, "function": "average"},
        "routes": {"/crash": 5}, "jobs": {}, "services": {"shop": 5}, "releases": {"1.0": 5},
        "newest_ids": ["id-4", "id-3", "id-2", "id-1", "id-0"],
    }  # fmt: skip


def test_nothing_of_a_log_reaches_the_terminal_as_a_control_sequence(tmp_path: Path) -> None:
    names = ("message", "logger", "path", "route", "service", "release", "request_id", "cause")
    hostile = dict.fromkeys(names, HOSTILE)
    lines = [
        error_line(**hostile, error_id=HOSTILE, exc_type=HOSTILE),
        error_line(**hostile, exc_info=f'  File "{HOSTILE}", line 1, in {HOSTILE}\n{HOSTILE}'),
        access_line(**hostile, level="ERROR"),
        line(level="ERROR", outcome="died", **hostile | {"message": "x"}),
        line(level="ERROR", **hostile | {"message": HOSTILE * 100_000}),
    ]
    done = run("errors", write(tmp_path / "log", lines), COLUMNS="60")
    assert (done.returncode, done.stderr) == (1, "")
    assert ESCAPES.findall(done.stdout) == []
    assert len(done.stdout) < 50_000


def test_a_file_that_cannot_be_read_is_exit_code_two(log: Path) -> None:
    done = run("errors", log, log.with_name("none"))
    assert done.returncode == 2
    assert "7 errors in 3 groups" in done.stdout
    assert done.stderr.endswith("none: No such file or directory\n")


@pytest.mark.parametrize("arguments", [["--since", "yesterday"], ["--until", "1999"]], ids=str)
def test_a_time_that_is_none_is_refused(arguments: list[str]) -> None:
    done = run("errors", *arguments)
    assert done.returncode == 2
    assert "must be a time (RFC 3339, UTC) or how long ago" in done.stderr


def test_an_exception_that_one_request_logs_three_times_is_one_failure(tmp_path: Path) -> None:
    often = [error_line(at / 10, request_id="often") for at in range(3)]
    twice = [
        line("no stock", at, level="ERROR", request_id=f"id-{at}", route="/cart") for at in (1, 2)
    ]
    first, second, end = run("errors", write(tmp_path / "log", [*often, *twice])).stdout.split(
        "\n\n"
    )
    assert "2 errors in 2 requests, " in first
    assert "3 errors in 1 request, " in second
    assert end.startswith("5 errors in 2 groups (5 lines ")


def test_errors_outside_of_requests_are_not_counted_in_requests(tmp_path: Path) -> None:
    log = write(tmp_path / "log", [line("lost", level="ERROR", request_id=None)])
    text = run("errors", log).stdout
    assert "  1 error, 2026-11-29 02:06:44 UTC\n" in re.sub("  [█▁ ]+  ", "  ", text)
    assert "\n1 error in 1 group (1 line from " in text


STACK = '  File "/srv/shop/prices.py", line 9, in wait\n    lock.acquire()'
WARNINGS = [
    *(line("old", at, level="WARNING", request_id=f"old-{at}") for at in range(3)),
    line("GET /a has run for 3.1 s", 5, level="WARNING", age=3.1, stack=STACK, request_id="s"),
    line("took 2 s", 6, level="WARNING", db_statement="SELECT 1", _at="/srv/a.py:7 in f").replace(
        '"_at"', '"at"'
    ),
]


def test_without_errors_the_number_of_warnings_is_named(tmp_path: Path) -> None:
    log = write(tmp_path / "log", WARNINGS)
    done = run("errors", log)
    assert done.returncode == 0
    assert "no errors (5 lines from " in done.stdout
    assert done.stdout.endswith("\n5 warnings; --level WARNING shows them in groups\n")
    assert "warnings" not in run("errors", "--route", "/none", log).stdout


def test_warnings_are_grouped_on_request(tmp_path: Path) -> None:
    log = write(tmp_path / "log", [*WARNINGS, line("lost", level="ERROR")])
    done = run("errors", "--level", "warning", log)
    old, slow, statement, error, end = done.stdout.split("\n\n")
    assert done.returncode == 1
    assert old.startswith("old\n")
    assert "3 warnings in 3 requests, " in old
    assert slow.startswith("slow  GET /crash\n  still running after 3.1 s\n")
    assert "  /srv/shop/prices.py:9 in wait\n    lock.acquire()\n" in slow
    assert "took 2 s\n  SELECT 1\n  /srv/a.py:7 in f\n" in statement
    assert error.startswith("lost\n")
    assert end.startswith("1 error and 5 warnings in 4 groups ")


def test_groups_of_a_level_below_warning_are_refused(log: Path) -> None:
    done = run("errors", "--level", "INFO", log)
    assert (done.returncode, done.stdout) == (2, "")
    assert "must be WARNING, ERROR or CRITICAL, not INFO" in done.stderr


def test_json_has_no_control_characters(tmp_path: Path) -> None:
    done = run("errors", "--json", write(tmp_path / "log", [line(HOSTILE, level="ERROR")]))
    assert ESCAPES.findall(done.stdout) == []
    assert json.loads(done.stdout)["message"] == HOSTILE
