"""Applications that we did not write, run bare and observed, and asked the same requests."""

import json
from typing import Any

import pytest

from tests.apps.application import Application, Run
from tests.apps.client import Exchange
from tests.apps.comparison import differences

pytestmark = pytest.mark.apps


def test_a_response_is_the_same_but_for_what_the_contract_changes(
    application: Application, bare: Run, observed: Run
) -> None:
    found = differences(bare.exchanges, observed.exchanges, application.varying)
    assert not found, "\n".join(f"{text}: {', '.join(where)}" for text, where in found.items())


def test_each_request_has_one_access_line(observed: Run) -> None:
    wrong = [
        f"{exchange}: {lines}"
        for exchange in observed.exchanges
        for lines in [access_lines(observed.lines_of(exchange))]
        if [line["status_code"] for line in lines] != [exchange.answer.status]
    ]
    assert not wrong, "\n".join(wrong)
    assert len(access_lines(observed.records)) == len(observed.exchanges)


def test_each_failure_has_exactly_one_error_line(observed: Run) -> None:
    wrong = [
        f"{exchange}: {len(lines)} ERROR lines: {json.dumps(lines)[:1500]}"
        for exchange, lines in errors_by_exchange(observed)
        if len(lines) != exchange.errors
    ]
    assert not wrong, "\n".join(wrong)


def test_the_error_line_of_an_exception_has_its_traceback(observed: Run) -> None:
    wrong = [
        f"{exchange}: {json.dumps(lines)[:1500]}"
        for exchange, lines in errors_by_exchange(observed)
        if exchange.expected.exc_type
        if [line.get("exc_type") for line in lines] != [exchange.expected.exc_type]
        or "Traceback" not in lines[0]["exc_info"]
    ]
    assert not wrong, "\n".join(wrong)


def test_no_error_line_is_outside_a_request(observed: Run) -> None:
    asked = {exchange.request_id for exchange in observed.exchanges}
    assert [line for line in errors(observed.records) if line.get("request_id") not in asked] == []


def test_every_line_is_json_and_fits_a_pipe(application: Application, observed: Run) -> None:
    assert observed.records
    plain = [line for line in observed.lines if not line.startswith("{")]
    assert not plain or application.keeps_console_handler, "\n".join(plain)
    assert max(len(line.encode()) for line in observed.lines) < 4096


def test_no_password_is_in_the_log(observed: Run) -> None:
    assert [line for line in observed.records if "hunter22" in str(line)] == []


def test_probes_are_answered_and_not_logged(observed: Run) -> None:
    assert {probe.answer.status for probe in observed.probes} <= {200}
    assert [line for probe in observed.probes for line in observed.lines_of(probe)] == []


def errors_by_exchange(run: Run) -> list[tuple[Exchange, list[dict[str, Any]]]]:
    return [(exchange, errors(run.lines_of(exchange))) for exchange in run.exchanges]


def errors(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["level"] in ("ERROR", "CRITICAL")]


def access_lines(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["logger"] == "wsgi_observe.access"]
