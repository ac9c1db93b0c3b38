"""Health: probes are answered before the app has any part in it."""

import pytest

from tests.calls import Server, answering, call, call_freely, environ, raising
from tests.conftest import Log
from wsgi_observe import Check, Health, SettingsError, observe


def failing() -> None:
    raise ConnectionError("postgres://user:secret@db is down")


def passing() -> None:
    return None


@pytest.mark.parametrize("app", [answering(), raising(ValueError())], ids=["fine", "failing"])
def test_liveness_is_answered_whatever_the_app_and_its_checks_do(app, log: Log) -> None:
    answer = call(observe(app, checks={"db": failing}), "/health")
    assert (answer.code, answer.json) == (200, {"status": "ok"})
    assert log.lines == []


def test_readiness_without_checks_is_ready() -> None:
    answer = call(observe(answering()), "/ready")
    assert (answer.code, answer.json) == (200, {"status": "ok", "checks": {}})


def test_readiness_names_its_checks() -> None:
    answer = call(observe(answering(), checks={"db": passing, "cache": passing}), "/ready")
    assert answer.json == {"status": "ok", "checks": {"db": "ok", "cache": "ok"}}


def test_a_check_that_raises_makes_it_unready_and_its_reason_stays_here() -> None:
    answer = call(observe(answering(), checks={"db": failing, "cache": passing}), "/ready")
    assert answer.code == 503
    assert answer.json == {"status": "unavailable", "checks": {"db": "fail", "cache": "ok"}}
    assert b"secret" not in answer.body


def test_a_check_that_says_false_fails() -> None:
    answer = call(observe(answering(), checks={"db": lambda: False}), "/ready")
    assert answer.json["checks"] == {"db": "fail"}


def test_a_check_that_is_not_critical_only_degrades() -> None:
    checks = {"cache": Check(failing, critical=False)}
    answer = call(observe(answering(), checks=checks), "/ready")
    assert (answer.code, answer.json["status"]) == (200, "degraded")


@pytest.mark.parametrize("path", ["/health", "/ready"])
class TestAProbe:
    def test_is_not_to_be_kept_by_caches(self, path: str) -> None:
        headers = call(observe(answering()), path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["content-type"] == "application/json"

    @pytest.mark.parametrize("checks", [{}, {"db": failing}], ids=["fine", "failing"])
    def test_by_head_has_the_headers_of_get(self, path: str, checks) -> None:
        app = observe(answering(), checks=checks)
        got = call(app, path, HTTP_X_REQUEST_ID="a")
        asked = call(app, path, "HEAD", HTTP_X_REQUEST_ID="a")
        assert (asked.status, asked.headers, asked.body) == (got.status, got.headers, b"")

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PROPFIND", "get", ""])
    def test_by_another_method_is_the_apps(self, path: str, method: str, log: Log) -> None:
        answer = call_freely(observe(answering("201 Created")), path, method)
        assert (answer.code, answer.body) == (201, b"hello")
        assert log.access["status_code"] == 201

    @pytest.mark.parametrize("checks", [{}, {"db": failing}], ids=["fine", "failing"])
    def test_by_options_is_answered_as_by_get(self, path: str, checks, log: Log) -> None:
        """HAProxy asks so, in HTTP/1.0 and without a host."""
        app = observe(answering(), checks=checks)
        got = call(app, path, HTTP_X_REQUEST_ID="a")
        log.clear()
        for _ in range(2):
            asked = call(app, path, "OPTIONS", HTTP_X_REQUEST_ID="a", SERVER_PROTOCOL="HTTP/1.0")
            assert (asked.status, asked.body) == (got.status, got.body)
            assert asked.headers == {**got.headers, "allow": "GET, HEAD, OPTIONS"}
        assert log.lines == []

    def test_a_browsers_preflight_is_the_apps(self, path: str, log: Log) -> None:
        more = {"HTTP_ORIGIN": "https://a.example", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}
        assert call(observe(answering()), path, "OPTIONS", **more).body == b"hello"
        assert log.access["method"] == "OPTIONS"

    def test_with_a_slash_at_its_end_is_a_probe(self, path: str) -> None:
        assert call(observe(answering()), path + "/").json["status"] == "ok"

    def test_with_a_query_is_a_probe(self, path: str) -> None:
        assert call(observe(answering()), path, QUERY_STRING="a=1").json["status"] == "ok"

    def test_below_a_mount_point_is_a_probe(self, path: str) -> None:
        assert call(observe(answering()), path, SCRIPT_NAME="/api").json["status"] == "ok"

    def test_without_a_host_is_answered(self, path: str) -> None:
        asked = environ(path)
        del asked["HTTP_HOST"]
        assert Server().serve(observe(answering()), asked).code == 200

    def test_can_be_switched_off(self, path: str) -> None:
        app = observe(answering(), live_path="", ready_path="")
        assert call(app, path).body == b"hello"

    def test_alone_is_answered_too(self, path: str) -> None:
        assert call(Health(answering()), path).json["status"] == "ok"


@pytest.mark.parametrize(
    "path",
    [
        *("/healthz", "/health/db", "/ready/orders", "/ready/orders/7", "/ready/db/x", "/ready//"),
        *("/x/health", "//health", ""),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_another_path_is_the_apps(path: str, method: str, log: Log) -> None:
    app = observe(answering("201 Created"), checks={"db": passing})
    assert call_freely(app, path, method).code == log.access["status_code"] == 201


def test_the_paths_can_be_changed() -> None:
    app = observe(answering(), live_path="/livez", ready_path="/readyz")
    assert call(app, "/livez").json == {"status": "ok"}
    assert call(app, "/readyz").json["checks"] == {}
    assert call(app, "/health").body == b"hello"


def test_one_path_for_both_is_a_mistake() -> None:
    with pytest.raises(SettingsError, match="ready_path"):
        observe(answering(), live_path="/up", ready_path="/up")


def test_an_empty_path_of_the_apps_is_no_probe_when_one_is_off() -> None:
    assert call_freely(observe(answering(), live_path=""), "").body == b"hello"


@pytest.mark.parametrize(
    "checks", [{"db": 5}, {"": passing}, ["db"]], ids=["number", "no name", "list"]
)
def test_a_check_that_is_none_stops_at_start(checks) -> None:
    with pytest.raises((TypeError, ValueError)):
        observe(answering(), checks=checks)
