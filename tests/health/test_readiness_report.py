"""What results add up to."""

import pytest

from wsgi_observe.health import Report
from wsgi_observe.health.report import Status, make_report


@pytest.mark.parametrize(
    ("results", "status"),
    [
        pytest.param({}, "ok", id="no checks"),
        pytest.param({"db": "ok", "cache": "ok"}, "ok", id="all pass"),
        pytest.param({"db": "ok", "cache": "fail"}, "degraded", id="one that may fail does"),
        pytest.param({"db": "fail", "cache": "ok"}, "unavailable", id="a critical one fails"),
        pytest.param({"db": "fail", "cache": "fail"}, "unavailable", id="both fail"),
    ],
)
def test_critical_checks_decide_and_the_others_degrade(
    results: dict[str, str], status: Status
) -> None:
    assert make_report(results, critical={"db"}) == Report(status, results)


@pytest.mark.parametrize(
    ("status", "ready", "status_code"),
    [
        ("ok", True, 200),
        ("degraded", True, 200),
        ("unavailable", False, 503),
        ("draining", False, 503),
        ("starting", False, 503),
    ],
)
def test_a_status_has_one_http_code(status: Status, ready: bool, status_code: int) -> None:
    report = Report(status, {})
    assert (report.ready, report.status_code) == (ready, status_code)
