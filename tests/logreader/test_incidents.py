"""Ten incidents: from an ID, or since when it is broken, two commands lead to the cause."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.logreader.incidents.recording import Scene, record_scenes
from tests.logreader.incidents.writing import INCIDENTS, write_incident
from wsgi_observe.cli import main

Run = Callable[..., str]

SIZE = 300_000  # bytes of a log


@pytest.fixture(scope="module")
def scenes() -> dict[str, Scene]:
    return record_scenes()


@pytest.fixture
def incident(
    request: pytest.FixtureRequest, scenes: dict[str, Scene], tmp_path: Path
) -> tuple[Path, list[str]]:
    """The log of an incident, and the IDs of its last occurrence."""
    log = tmp_path / "all.log"
    return log, write_incident(log, scenes, INCIDENTS[request.param], SIZE)


@pytest.fixture
def command(
    incident: tuple[Path, list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Run a command on the log, and return what it prints."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: str) -> str:
        assert main([*arguments, str(incident[0])]) in (0, 1)
        done = capsys.readouterr()
        assert not done.err
        return done.out

    return run


def of(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("incident", [name], indirect=True)


def group_with(text: str, groups: str) -> str:
    """Return the one group that has a text in it."""
    (found,) = [group for group in groups.split("\n\n")[:-1] if text in group]
    return found


def newest_id(group: str) -> str:
    found = re.search(r"newest   (\S+)", group)
    assert found
    return found[1]


@of("slow query")
def test_a_slow_query_behind_one_route(command: Run) -> None:
    slow = group_with("slow  GET /reports/", command("errors", "--level", "WARNING"))
    assert "2026-11-29 01:12:00 to " in slow
    story = command("trace", newest_id(slow))
    assert "db_statement=SELECT pause(?) AS total_without_index" in story
    assert re.search(r"at=\S+/shop.py:\d+ in report", story)


@of("broken invoice")
def test_a_deploy_that_broke_one_path(command: Run) -> None:
    groups = command("errors", "--new-since", "1.4.2")
    broken = group_with("KeyError", groups)
    assert groups.count("\n\n") == 1
    assert "2026-11-29 01:12:00 to " in broken
    assert "  routes   /invoices/<int:number> (20)\n" in broken
    assert 'return order["net"] * (1 + order["vat_rate"] / 100)' in broken
    assert "KeyError: 'vat_rate'" in command("trace", newest_id(broken))


@of("killed worker")
def test_a_worker_that_is_killed_for_memory(command: Run, incident: tuple[Path, list[str]]) -> None:
    story = command("trace", incident[1][0])
    assert story.startswith("GET /basket  died: SIGKILL")
    assert "was sent SIGKILL! Perhaps out of memory?" in story
    other = re.search(r"(\S+) wsgi_observe.inflight: GET /export died: SIGKILL", story)
    assert other
    cause = command("trace", other[1])
    assert "shop: export holds all rows in memory\n                      rows=24000000" in cause


@of("retries")
def test_a_client_that_retries(command: Run, incident: tuple[Path, list[str]]) -> None:
    story = command("trace", incident[1][0])
    assert re.findall(r"^POST /orders +200 +(\w+)", story, re.M) == ["aborted"] * 2 + ["complete"]
    charges = re.findall(r"payments: charged\n +charge_id=(\w+)", story)
    assert len(set(charges)) == 3
    assert story.count("order_id=4711") == 1


@of("flapping check")
def test_a_check_that_flaps(command: Run) -> None:
    errors = command("errors")
    assert "replica" not in errors
    assert "; --level WARNING shows them in groups\n" in errors
    group = group_with("ConnectionError", command("errors", "--level", "WARNING"))
    assert "replica db-2 is 45 s behind its primary" in group
    assert "2026-11-29 01:12:00 to " in group
    assert "in ping_replica" in group


@of("poisoned cache")
def test_a_poisoned_cache_value(command: Run, incident: tuple[Path, list[str]]) -> None:
    story = command("trace", incident[1][-1])
    assert "ValueError: could not convert string to float: 'n/a'" in story
    hit = re.search(r"DEBUG    shop: cache hit\n.*value=n/a  set_by=(\w+)", story)
    assert hit
    cause = command("trace", hit[1])
    assert cause.startswith("PUT /prices/teapot  200")
    assert "shop: price cached\n                      cache_key=price:teapot  value=n/a" in cause


@of("exception chain")
def test_an_exception_chain_three_causes_deep(
    command: Run, incident: tuple[Path, list[str]]
) -> None:
    story = command("trace", incident[1][0])
    chain = re.findall(r"(?:caused by )?([\w.]+(?:Error)): ", story)
    names = [name.rpartition(".")[2] for name in chain]
    assert names == ["PaymentError", "LedgerError", "ConnectionError", "KeyError"]
    assert 'return settings["LEDGER_HOST"]' in story


@of("race")
def test_a_race_that_only_debug_lines_show(command: Run, incident: tuple[Path, list[str]]) -> None:
    story = command("trace", incident[1][0])
    lines = re.findall(r"DEBUG    shop: stock (.*)", story)
    assert lines[:2] == ["read: 1", "read: 1"]
    assert sorted(lines[2:]) == ["written: -1, was read as 1", "written: 0, was read as 1"]
    assert "warehouse=north" in story
    assert "warehouse=south" in story


@of("stuck lock")
def test_a_stuck_lock(command: Run, incident: tuple[Path, list[str]]) -> None:
    story = command("trace", incident[1][-1])
    assert story.startswith("GET /checkout  200")
    assert "with price_lock:" in story
    holder = group_with("/refresh-prices", command("errors", "--level", "WARNING"))
    assert "in ask_supplier\n    time.sleep(2 * SLOW_SECONDS)" in holder


@of("redirect loop")
def test_a_redirect_loop(command: Run, incident: tuple[Path, list[str]]) -> None:
    story = command("trace", incident[1][0])
    assert story.startswith("GET /account  302")
    assert "session rejected: signed with key k1, this server has k2" in story
    loop = command("tail", "--no-follow", "--status", "302", "--since", "2026-11-29T02:42Z")
    found = re.findall(r"GET (\S+) 302 .*remote_addr=(\S+)", loop)
    assert [path for path, _ in found] == ["/account", "/login"] * 5
    assert len({address for _, address in found}) == 1
