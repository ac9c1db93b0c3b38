"""The format file for lnav: where it is installed, and what the real lnav makes of real lines."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import COMMAND
from tests.cli.logging_app import HOSTILE_TEXTS
from tests.docs.pages import PAGES, blocks
from tests.marks import first_by_default
from tests.support import PATIENCE
from wsgi_observe.field_names import ACCESS_NAMES, LINE_NAMES, PART_NAMES

ID = "01a20426de6971639deac60204342e73"  # of the documentation
FILTERS = re.findall(r"`(:filter-expr .*?)`", PAGES["lnav"])
NEEDS_LNAV = pytest.mark.skipif(not shutil.which("lnav"), reason="lnav is not installed")
INSTALLED = "formats/installed/wsgi_observe_log.json"
ENVIRONMENT = {name: os.environ[name] for name in os.environ if name != "XDG_CONFIG_HOME"}


def run(
    *command: str | Path, code: int = 0, env: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        env={**ENVIRONMENT, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        input=stdin,
        timeout=PATIENCE,
    )
    assert done.returncode == code, done
    return done


def ours(home: Path, *options: str, code: int = 0) -> str:
    """Run our command, and return its one line of output."""
    done = run(*COMMAND, "lnav", *options, code=code, env={"HOME": str(home)})
    (line,) = f"{done.stdout}{done.stderr}".splitlines()
    return line


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home directory in which the format file is installed."""
    path = tmp_path / "home"
    path.mkdir()
    ours(path, "--install")
    return path


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "shop.log"
    run(sys.executable, "-m", "tests.cli.logging_app", path)
    return path


def select(home: Path, log: Path | str, query: str) -> list[dict[str, Any]]:
    """Return the rows that lnav selects; it writes most numbers as texts."""
    commands = ("-c", f";SELECT {query}", "-c", ":write-json-to -")
    done = run("lnav", "-n", *commands, log, env={"HOME": str(home)})
    rows: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return rows


def test_without_an_option_it_says_what_it_would_do_and_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / ".lnav" / INSTALLED
    assert ours(tmp_path) == f"--install would write {path}"
    assert not list(tmp_path.iterdir())
    ours(tmp_path, "--install")
    assert ours(tmp_path) == f"{path} is up to date: --install would change nothing"


def test_a_file_that_was_changed_is_kept_unless_forced(home: Path) -> None:
    path = home / ".lnav" / INSTALLED
    text = path.read_text()
    assert ours(home, "--install") == f"{path} is up to date"
    path.write_text("{}")
    assert f"{path} differs from the file of this version" in ours(home)
    assert ours(home, "--install", code=1).endswith("replaces it; it was not changed")
    assert path.read_text() == "{}"
    assert f"{path} was replaced" in ours(home, "--install", "--force")
    assert path.read_text() == text


def test_print_prints_what_install_writes(home: Path) -> None:
    printed = run(*COMMAND, "lnav", "--print", env={"HOME": "/nowhere"}).stdout
    assert printed == (home / ".lnav" / INSTALLED).read_text()


@NEEDS_LNAV
def test_lnav_itself_installs_the_printed_file_in_the_same_place(tmp_path: Path) -> None:
    file = tmp_path / "wsgi_observe_log.json"
    file.write_text(run(*COMMAND, "lnav", "--print").stdout)
    run("lnav", "-i", file, env={"HOME": str(tmp_path), "XDG_CONFIG_HOME": ""})
    assert "is up to date" in ours(tmp_path)


def test_force_alone_is_refused(tmp_path: Path) -> None:
    assert ours(tmp_path, "--force", code=1).endswith("--force is for --install")


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch], ids=["a directory", "a file above it"])
def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, make: Any) -> None:
    path = tmp_path / ".lnav" / INSTALLED
    blocked = path if make is Path.mkdir else path.parent
    blocked.parent.mkdir(parents=True)
    make(blocked)
    assert re.search(rf"cannot (read|write) {path}: \w+", ours(tmp_path, "--install", code=1))


def test_a_home_that_is_missing_is_refused(tmp_path: Path) -> None:
    assert "HOME is not a directory" in ours(tmp_path / "none", "--install", code=1)


@NEEDS_LNAV
@pytest.mark.parametrize("xdg", first_by_default(["xdg", "", "not-there"]))
@pytest.mark.parametrize(
    "made",
    [
        (),
        (".config",),
        (".lnav",),
        ("xdg",),
        ("xdg", ".config"),
        ("xdg", ".lnav"),
        (".config/lnav",),
    ],
    ids=str,
)
def test_it_is_installed_where_lnav_looks(tmp_path: Path, made: tuple[str, ...], xdg: str) -> None:
    for name in made:
        (tmp_path / name).mkdir(parents=True)
    env = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": xdg and str(tmp_path / xdg)}
    would = run(*COMMAND, "lnav", env=env).stdout.split()[-1]
    found = re.search(r"stored in:\s+\S+ (\S+)", run("lnav", "-h", env=env).stderr)
    assert found is not None
    assert would == f"{found[1]}/{INSTALLED}"


@NEEDS_LNAV
def test_lnav_has_nothing_to_say_against_the_file(home: Path, log: Path) -> None:
    done = run("lnav", "-W", "-C", log, env={"HOME": str(home)})
    assert (done.stdout, done.stderr) == ("", "")
    (home / ".lnav" / INSTALLED).write_text('{"wsgi_observe_log": {"title": "", "unknown": 1}}')
    assert "unknown" in run("lnav", "-W", "-C", env={"HOME": str(home)}, code=1).stderr


def test_the_file_has_every_name_of_ours(home: Path) -> None:
    (form,) = (
        one
        for one in json.loads((home / ".lnav" / INSTALLED).read_text()).values()
        if type(one) is dict
    )
    assert {*LINE_NAMES, *ACCESS_NAMES, *PART_NAMES} <= form["value"].keys()


@NEEDS_LNAV
def test_every_line_is_one_message_of_its_level_time_and_request(home: Path, log: Path) -> None:
    lines = [json.loads(line) for line in log.read_text().rstrip("\n").split("\n")]
    columns = "log_level, log_time, log_opid, logger, pid, status_code, error_id"
    rows = select(home, log, f"{columns} FROM wsgi_observe_log ORDER BY log_line")
    assert len(lines) > 15
    for line, row in zip(lines, rows, strict=True):
        assert row["log_level"].upper() == line["level"]
        assert f"{row['log_time']}Z" == line["timestamp"].replace("T", " ")
        assert row["log_opid"] == line.get("request_id")
        assert (row["logger"], row["error_id"]) == (line["logger"], line.get("error_id"))
        assert (row["pid"], int(row["status_code"] or 0)) == (
            line["pid"],
            line.get("status_code", 0),
        )


@NEEDS_LNAV
def test_a_failure_is_found_from_its_request(home: Path, log: Path) -> None:
    where = "FROM wsgi_observe_log WHERE request_id = 'crash'"
    held, error, access = select(home, log, f"log_body, * {where}")
    assert (held["log_level"], held["buffered"], held["log_body"]) == (
        "debug",
        1,
        "order 7 is read",
    )
    assert (error["log_level"], error["exc_type"], error["route"]) == (
        "error",
        "RuntimeError",
        "/crash",
    )
    assert error["exc_info"].endswith("\nRuntimeError: no charges")
    assert re.fullmatch("[0-9a-f]{12}", error["error_id"])
    assert (access["status_code"], access["outcome"]) == ("500", "complete")
    (slow,) = select(home, log, f"count(*) AS n {where} AND duration_ms > 0 AND status_code >= 500")
    assert slow == {"n": 1}


@NEEDS_LNAV
def test_the_view_has_the_traceback_and_the_bound_fields(home: Path, log: Path) -> None:
    only = ("-c", ":filter-expr :log_opid = 'crash'")
    shown = run("lnav", "-n", *only, log, env={"HOME": str(home)}).stdout
    assert re.search(r"^\S+ ERROR +crash wsgi_observe.errors: GET /crash failed$", shown, re.M)
    assert "\n  order_id: 7\n" in shown
    assert re.search(r"\n +exc_info: RuntimeError: no charges\n", shown)
    assert "hostile" not in shown


@NEEDS_LNAV
def test_a_long_record_is_put_together_from_its_parts(home: Path, log: Path) -> None:
    where = "FROM wsgi_observe_log WHERE request_id = 'long'"
    (first,) = select(home, log, f"continued_in, truncated {where} AND truncated")
    (whole,) = select(
        home,
        log,
        f"group_concat(text, '') AS record {where} AND continues = '{first['continued_in']}'",
    )
    assert json.loads(whole["record"])["message"] == f"long {'x' * 9000} end"


@NEEDS_LNAV
def test_hostile_lines_are_data(home: Path, log: Path) -> None:
    rows = select(home, log, "log_opid, * FROM wsgi_observe_log WHERE log_body LIKE 'hostile: %'")
    assert len(rows) == len(HOSTILE_TEXTS)
    assert {(one["log_level"], one["log_opid"], one["status_code"]) for one in rows} == {
        ("warning", "hostile", None)
    }
    assert {one["buffered"] for one in rows} == {None}
    shown = run("lnav", "-n", log, env={"HOME": str(home)}).stdout
    assert "extra_status_code: paid" in shown


@NEEDS_LNAV
def test_lines_of_others_are_passed_over(home: Path, log: Path, tmp_path: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    others = [
        b"Traceback (most recent call last):\n",
        b"{\n",
        b"\xff\xfe\x00\n",
        b'{"a": 1}\n',
        b"\n",
    ]
    mixed = tmp_path / "mixed.log"
    mixed.write_bytes(b"".join([*others[:2], *lines[:5], *others, *lines[5:], lines[0][:50]]))
    ids = "request_id FROM wsgi_observe_log WHERE request_id IS NOT NULL"
    assert select(home, mixed, ids) == select(home, log, ids)


@NEEDS_LNAV
@pytest.mark.parametrize("query", blocks("lnav", "sql"), ids=lambda query: query[:25])
def test_a_query_of_the_documentation_has_rows(home: Path, log: Path, query: str) -> None:
    rows = select(home, log, query.strip().removeprefix("SELECT ").replace(ID, "long"))
    assert rows
    assert all(None not in row.values() for row in rows)


@NEEDS_LNAV
@pytest.mark.parametrize("text", FILTERS)
def test_a_filter_of_the_documentation_hides_lines(home: Path, log: Path, text: str) -> None:
    def shown(*commands: str) -> int:
        return run("lnav", "-n", *commands, log, env={"HOME": str(home)}).stdout.count("\n")

    assert 0 < shown("-c", text.replace(ID, "long")) < shown()


@NEEDS_LNAV
def test_a_pipe_is_read_too(home: Path, log: Path) -> None:
    query = ("-c", ";SELECT count(*) FROM wsgi_observe_log WHERE log_level = 'error'")
    done = run("lnav", "-n", *query, env={"HOME": str(home)}, stdin=log.read_text())
    assert done.stdout.split() == ["count(*)", "1"]
