"""Requests are counted by method, route template and status code, and by nothing that grows."""

from __future__ import annotations

import gzip
import subprocess
import sys
from typing import Any

import pytest
from flask import Flask

from tests.calls import Server, answering, call, call_freely, environ, raising
from tests.conftest import Log
from tests.fork_server import fork_server
from tests.prometheus.serving import (
    BUCKET,
    added,
    parse,
    scrape,
    scrape_openmetrics,
    value,
)
from tests.support import PATIENCE, strict_json
from wsgi_observe import SettingsError, bind, observe
from wsgi_observe.flask import Observe
from wsgi_observe.health import HealthState

SIZE = "http_server_response_body_size_bytes"


def shop() -> Flask:
    app = Flask("shop")

    @app.route("/orders/<int:number>", methods=["GET", "POST"])
    def order(number: int) -> str:
        return "x" * number

    @app.get("/crash")
    def crash() -> str:
        raise ValueError

    return app


def observed(**settings: Any) -> Flask:
    app = shop()
    app.wsgi_app = observe(app.wsgi_app, metrics_path="/metrics", **settings)  # type: ignore[method-assign]
    return app


@pytest.mark.parametrize(
    ("path", "method", "labels"),
    [
        pytest.param("/orders/7", "GET", ("GET", "/orders/<int:number>", "200"), id="a route"),
        pytest.param("/orders/8", "POST", ("POST", "/orders/<int:number>", "200"), id="a method"),
        pytest.param("/crash", "GET", ("GET", "/crash", "500"), id="a failure"),
        pytest.param("/a/4111", "GET", ("GET", "unmatched", "404"), id="no route"),
        pytest.param("/crash", "PUT", ("PUT", "unmatched", "405"), id="no such method there"),
        pytest.param("/a", "BREW", ("_OTHER", "unmatched", "404"), id="an unknown method"),
        pytest.param("/a", "get", ("_OTHER", "unmatched", "404"), id="methods have one spelling"),
    ],
)
@pytest.mark.parametrize("way", ["observe", "Observe"])
def test_a_request_is_counted_by_its_template(
    way: str, path: str, method: str, labels: tuple[str, str, str]
) -> None:
    app = observed() if way == "observe" else shop()
    if way == "Observe":
        Observe(app, metrics_path="/metrics")
    assert added(app, lambda: call_freely(app, path, method)) == {labels: 1.0}


def test_the_known_methods_are_those_of_opentelemetrys_variable() -> None:
    program = (
        "from tests.prometheus.serving import counts, scrape; from tests.calls import *;"
        "from wsgi_observe import observe;"
        "app = observe(answering(), metrics_path='/metrics', access_log=False);"
        "[call_freely(app, '/', method) for method in ('BREW', 'GET')];"
        "print(sorted(key[0] for key in counts(scrape(app))))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={"OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS": "BREW,WHEN"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stdout == "['BREW', '_OTHER']\n", run.stderr


def test_the_durations_are_in_the_buckets_of_the_conventions() -> None:
    app = observed()
    call(app, "/orders/7")
    bounds = {s.labels["le"] for s in scrape(app) if s.name == BUCKET}
    assert sorted(map(float, bounds)) == [
        *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
        *(1.0, 2.5, 5.0, 7.5, 10.0, float("inf")),
    ]


def test_the_size_is_that_of_the_body() -> None:
    app = observed()
    before = value(scrape(app), f"{SIZE}_sum", http_route="/orders/<int:number>")
    call(app, "/orders/700")
    call(app, "/orders/11")
    after = value(scrape(app), f"{SIZE}_sum", http_route="/orders/<int:number>")
    assert after - before == 711


@pytest.mark.parametrize(
    "path", ["/health", "/ready", "/ready/db", "/metrics"], ids=lambda path: path[1:]
)
def test_probes_and_scrapes_are_neither_counted_nor_logged(path: str, log: Log) -> None:
    app = observed(checks={"db": dict})
    assert added(app, lambda: call(app, path)) == {}
    assert log.of("wsgi_observe.access") == []


def test_a_response_that_the_client_never_got_has_no_status() -> None:
    app = observe(raising(LookupError()), metrics_path="/metrics", middlewares=("request_id",))

    def fail() -> None:
        with pytest.raises(LookupError):
            call_freely(app, "/")

    assert added(app, fail) == {("GET", "unmatched", ""): 1.0}


def test_a_request_runs_until_its_body_is_closed() -> None:
    app = observe(answering(body=[b"a", b"b"]), metrics_path="/metrics")
    active = "http_server_active_requests"
    body = app(environ("/"), Server().start_response)
    assert value(scrape(app), active, http_request_method="GET") == 1
    assert b"".join(body) == b"ab"
    body.close()  # type: ignore[attr-defined]
    assert value(scrape(app), active, http_request_method="GET") == 0


def test_an_app_that_is_wrapped_twice_counts_once() -> None:
    inner = observe(answering(), metrics_path="/metrics")
    app = observe(inner, metrics_path="/metrics")
    assert added(app, lambda: call(app)) == {("GET", "unmatched", "200"): 1.0}


@pytest.mark.parametrize(
    "middlewares", [("request_id",), ("errors",), ("health",), ("access_log", "errors")], ids=str
)
def test_any_part_of_the_stack_counts(middlewares: tuple[str, ...]) -> None:
    app = observe(answering(), metrics_path="/metrics", middlewares=middlewares)
    assert added(app, lambda: call(app)) == {("GET", "unmatched", "200"): 1.0}


class TestAnExemplar:
    def test_names_a_request_of_its_bucket(self) -> None:
        app = observed()
        answer = call(app, "/orders/7")
        exemplars = [s.exemplar for s in scrape_openmetrics(app) if s.exemplar]
        assert [one.labels for one in exemplars] == [{"request_id": answer.request_id}]
        assert 0 < exemplars[0].value < 0.5
        assert float(exemplars[0].timestamp) > 1e9

    def test_has_the_trace(self) -> None:
        trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
        app = observed(request_id_headers=("X-Request-ID", "traceparent"))
        traceparent = f"00-{trace_id}-00f067aa0ba902b7-01"
        call(app, "/orders/7", HTTP_TRACEPARENT=traceparent, HTTP_X_REQUEST_ID="abc")
        exemplars = [s.exemplar.labels for s in scrape_openmetrics(app) if s.exemplar]
        assert exemplars == [{"request_id": "abc", "trace_id": trace_id}]

    def test_has_no_id_that_openmetrics_has_no_room_for(self) -> None:
        app = observed()
        call(app, "/orders/7", HTTP_X_REQUEST_ID="a" * 128)
        assert [s.exemplar for s in scrape_openmetrics(app) if s.exemplar] == []

    def test_is_not_in_the_text_format(self) -> None:
        app = observed()
        answer = call(app, "/orders/7")
        assert answer.request_id.encode() not in call(app, "/metrics").body


@pytest.mark.slow
def test_too_many_series_are_counted_as_one_route_with_one_warning() -> None:
    # In a process of its own: the others' scrapes would have all of them.
    done = fork_server().run("from tests.prometheus.growing import main; main()", timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, counted = map(strict_json, done.stdout.splitlines())
    (warning,) = [line for line in lines if line["logger"] == "wsgi_observe.prometheus"]
    assert "1000 label sets" in warning["message"]
    assert counted == {"grown": 1000, "5xx": 10, "4xx": 1}


class TestAScrape:
    def test_may_be_compressed(self) -> None:
        answer = call(observed(), "/metrics", HTTP_ACCEPT_ENCODING="gzip")
        assert answer.headers["content-encoding"] == "gzip"
        assert parse(gzip.decompress(answer.body).decode())

    def test_may_be_a_head(self) -> None:
        answer = call(observed(), "/metrics", "HEAD")
        assert answer.body == b""
        assert int(answer.headers["content-length"]) > 0

    def test_has_the_apps_own_metrics_too(self) -> None:
        names = {s.name for s in scrape(observed())}
        assert "python_info" in names  # of the registry that the app's own are in

    def test_of_another_method_is_the_apps(self) -> None:
        assert call(observed(), "/metrics", "POST").code == 404

    def test_says_whether_the_process_drains(self) -> None:
        state = HealthState()
        app = observe(answering(), metrics_path="/metrics", state=state)
        assert value(scrape(app), "wsgi_observe_draining") == 0
        state.drain()
        assert value(scrape(app), "wsgi_observe_draining") == 1


class TestReadiness:
    def test_is_the_last_result_of_each_check_with_its_age(self) -> None:
        results = {"db": True, "cache": False}
        checks = {name: (lambda name=name: results[name]) for name in results}
        app = observe(answering(), metrics_path="/metrics", checks=checks, check_ttl=0)
        passed = "wsgi_observe_readiness_check_passed"
        assert [s for s in scrape(app) if s.name == passed] == []
        call(app, "/ready")
        assert value(scrape(app), passed, check="db", critical="true") == 1
        assert value(scrape(app), passed, check="cache", critical="true") == 0
        age = value(scrape(app), "wsgi_observe_readiness_check_age_seconds", check="db")
        assert 0 <= age < 20
        results["db"] = False
        call(app, "/ready")
        assert value(scrape(app), passed, check="db") == 0


def test_a_name_that_the_app_binds_is_no_route() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        bind(route=environ["PATH_INFO"])
        start_response("200 OK", [])
        return [b""]

    wrapped = observe(app, metrics_path="/metrics")
    assert added(wrapped, lambda: call_freely(wrapped, "/private/7")) == {
        ("GET", "unmatched", "200"): 1.0
    }


def test_nothing_is_imported_without_the_setting() -> None:
    program = (
        "import sys; from tests.calls import *; from wsgi_observe import observe;"
        "call_freely(observe(answering(), checks={'db': dict}), '/ready');"
        "print([m for m in sys.modules if m.startswith(('prometheus', 'wsgi_observe.prometheus',"
        "'wsgi_observe.metrics.sources', 'wsgi_observe.metrics.series'))])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert run.stdout == "[]\n", run.stderr


def test_a_missing_client_library_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("wsgi_observe.prometheus")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(SettingsError, match="pip install 'wsgi-observe\\[prometheus\\]'"):
        observe(answering(), metrics_path="/metrics")
