"""The records of several requests, which are searched at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.log_commands import write
from tests.logreader.log_lines import ID, OTHER_ID, line
from wsgi_observe.logreader.inputs import Input, find_inputs
from wsgi_observe.logreader.search import RequestRecords, find_requests


def inputs(folder: Path, *lines: str) -> list[Input]:
    return find_inputs([str(write(folder / "shop.log", lines))])


def search(found_in: list[Input], limit: int = 100) -> dict[str, RequestRecords]:
    return find_requests(found_in, [ID, OTHER_ID], lambda count: None, limit)


def messages(found: RequestRecords) -> list[str]:
    return [record.text("message") for record in found.records]


def test_each_request_has_its_own_records_in_order(tmp_path: Path) -> None:
    lines = [line(str(n), request_id=[ID, OTHER_ID, "c" * 32][n % 3]) for n in range(9)]
    found = search(inputs(tmp_path, *lines))
    assert messages(found[ID]) == ["0", "3", "6"]
    assert messages(found[OTHER_ID]) == ["1", "4", "7"]


@pytest.mark.parametrize(
    "name", ["request_id", "requestId", "x-request-id", "reqId", "correlationId"]
)
def test_an_id_has_any_of_its_usual_names(name: str, tmp_path: Path) -> None:
    text = json.dumps({"time": 1795918004300, "msg": "asked", name: ID}, separators=(",", ":"))
    wrapped = json.dumps({"log": f"{text}\n", "stream": "stdout"})
    for one in (text, wrapped):
        assert messages(search(inputs(tmp_path, one))[ID]) == ["asked"]


def test_a_line_with_the_ids_of_two_requests_is_of_the_one_that_logged_it(tmp_path: Path) -> None:
    found = search(inputs(tmp_path, line("asks", client_request_id=OTHER_ID)))
    assert (messages(found[ID]), messages(found[OTHER_ID])) == (["asks"], [])


def test_of_very_many_records_the_first_and_the_last_are_kept(tmp_path: Path) -> None:
    found = search(inputs(tmp_path, *(line(str(n)) for n in range(100))), limit=6)[ID]
    assert messages(found) == ["0", "1", "2", "97", "98", "99"]
    assert found.ignored == 94


def test_what_cannot_be_read_leaves_out_no_other_input(tmp_path: Path) -> None:
    missing = find_inputs([str(tmp_path / "missing.log")])
    assert messages(search([*missing, *inputs(tmp_path, line("here"))])[ID]) == ["here"]
