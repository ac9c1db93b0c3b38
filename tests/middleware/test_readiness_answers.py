"""Readiness as a client asks for it: one check, all but some, in words, while going away."""

import gc
import threading
import weakref
from typing import Any, NoReturn
from urllib.parse import quote

import pytest

from tests.calls import answering, call, call_freely
from tests.conftest import Log
from wsgi_observe import Check, Health, observe
from wsgi_observe.health import HealthState


def failing() -> NoReturn:
    raise ConnectionError("postgres://user:secret@db is down")


CHECKS: dict[str, Any] = {"db": dict, "cache": Check(failing, critical=False), "disk": failing}


def ask(query: str = "", path: str = "/ready", checks: Any = CHECKS, **settings: Any) -> Any:
    return call(observe(answering(), checks=checks, **settings), path, QUERY_STRING=query)


def test_verbose_says_in_lines_what_holds() -> None:
    answer = ask("verbose")
    assert (answer.code, answer.headers["content-type"]) == (503, "text/plain; charset=utf-8")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body.decode().splitlines() == [
        "[+]db ok",
        "[-]cache failed: reason withheld",
        "[-]disk failed: reason withheld",
        "ready check failed",
    ]


@pytest.mark.parametrize(
    ("query", "code", "last"),
    [
        pytest.param("verbose&exclude=disk&exclude=cache", 200, "ready check passed", id="fine"),
        pytest.param("verbose=1&exclude=disk", 200, "ready check passed: degraded", id="degraded"),
        pytest.param("exclude=cache&verbose=", 503, "ready check failed", id="unavailable"),
    ],
)
def test_verbose_closes_with_the_verdict(query: str, code: int, last: str) -> None:
    answer = ask(query)
    assert (answer.code, answer.body.decode().splitlines()[-1]) == (code, last)


def test_verbose_names_the_path_that_was_asked() -> None:
    answer = ask("verbose", "/readyz", {}, ready_path="/readyz")
    assert answer.body == b"readyz check passed\n"


def test_an_excluded_check_does_not_count() -> None:
    answer = ask("exclude=disk&exclude=cache")
    assert (answer.code, answer.json) == (200, {"status": "ok", "checks": {"db": "ok"}})
    text = ask("verbose&exclude=disk&exclude=cache").body.decode()
    assert text == ("[+]db ok\n[+]cache excluded: ok\n[+]disk excluded: ok\nready check passed\n")


def test_a_name_to_exclude_that_no_check_has_is_said_and_fails_nothing() -> None:
    answer = ask("exclude=nope&exclude=disk&exclude=nope")
    assert answer.code == 200
    assert answer.json["unknown"] == ["nope"]
    assert list(answer.json["checks"]) == ["db", "cache"]
    lines = ask("verbose&exclude=nope").body.decode().splitlines()
    assert lines[-2] == 'warn: some health checks cannot be excluded: no matches for "nope"'


@pytest.mark.parametrize(
    "query",
    [
        "exclude=%0d%0aSet-Cookie:a",
        "exclude=%ff%00",
        "exclude=%E2%80%A8",
        "exclude=\xff\xfe",
        "&&=;",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("form", ["", "&verbose"])
def test_whatever_a_client_wants_excluded_breaks_no_line(query: str, form: str) -> None:
    answer = ask(query + form, checks={"db": dict})
    assert answer.code == 200
    assert not form or len(answer.body.decode().splitlines()) <= 3


def test_a_name_in_other_letters_is_found_in_path_and_query() -> None:
    checks = {"données": failing}
    wire = "données".encode().decode("latin-1")
    assert ask(path=f"/ready/{wire}", checks=checks).json["checks"] == {"données": "fail"}
    for query in (quote("données"), wire):
        assert ask(f"exclude={query}", checks=checks).json == {"status": "ok", "checks": {}}


@pytest.mark.parametrize("path", ["/ready/db", "/ready/db/"])
def test_one_check_is_asked_for_by_its_name(path: str) -> None:
    answer = ask(path=path)
    assert (answer.code, answer.json) == (200, {"status": "ok", "checks": {"db": "ok"}})


@pytest.mark.parametrize(
    ("name", "code", "status"), [("disk", 503, "unavailable"), ("cache", 200, "degraded")]
)
def test_one_check_weighs_as_it_does_among_the_others(name: str, code: int, status: str) -> None:
    answer = ask(path=f"/ready/{name}")
    assert (answer.code, answer.json) == (code, {"status": status, "checks": {name: "fail"}})


def test_one_check_can_be_asked_for_in_words() -> None:
    assert ask("verbose", "/ready/db").body == b"[+]db ok\nready check passed\n"


@pytest.mark.parametrize("path", ["/ready/nope", "/ready/DB", "/ready/db/x"])
def test_what_names_no_check_is_the_apps(path: str, log: Log) -> None:
    app = observe(answering(), checks=CHECKS)
    assert call(app, path).body == b"hello"
    assert log.access["status_code"] == 200


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_another_method_than_a_probes_is_the_apps_at_a_checks_path_too(method: str) -> None:
    assert call(observe(answering(), checks=CHECKS), "/ready/db", method).body == b"hello"


@pytest.mark.parametrize("ready", ["", "/"])
def test_a_path_that_is_off_or_the_root_takes_no_names(ready: str) -> None:
    app = observe(answering(), checks={"db": dict}, ready_path=ready)
    assert call(app, "/db").body == b"hello"
    assert call(app, "/ready/db").body == b"hello"


def test_liveness_can_stand_below_readiness() -> None:
    app = observe(answering(), checks={"live": failing}, live_path="/ready/live")
    assert call(app, "/ready/live").json == {"status": "ok"}


@pytest.mark.parametrize(
    ("tell", "status"), [(HealthState.drain, "draining"), (HealthState.start, "starting")]
)
@pytest.mark.parametrize("path", ["/ready", "/ready/db"])
def test_a_process_that_wants_no_traffic_says_so_and_lives_on(tell, status, path: str) -> None:
    state, calls = HealthState(), []
    app = observe(answering(), checks={"db": lambda: calls.append(1)}, state=state)
    tell(state)
    answer = call(app, path)
    assert (answer.code, answer.json) == (503, {"status": status})
    assert calls == []
    text = call(app, path, QUERY_STRING="verbose").body.decode()
    assert text == f"ready check failed: {status}\n"
    assert call(app, "/health").code == call(app, "/orders").code == 200
    state.resume()
    state.ready()
    assert call(app, path).code == 200


def test_a_check_that_goes_on_failing_is_said_again_at_a_settable_distance(log: Log) -> None:
    once = observe(answering(), checks={"db": failing}, check_ttl=0)
    again = observe(answering(), checks={"db": failing}, check_ttl=0, check_remind=1e-9)
    for app, count in ((once, 1), (again, 3)):
        log.clear()
        for _ in range(3):
            call(app, "/ready")
        assert len(log.of("wsgi_observe.health")) == count


def test_what_is_no_state_stops_at_start() -> None:
    with pytest.raises(TypeError, match="state must be a HealthState"):
        observe(answering(), state="draining")  # type: ignore[arg-type]


class Framework:
    """An app that keeps its WSGI side as an attribute, as Flask does."""

    def __init__(self, wsgi_app: Any) -> None:
        self.wsgi_app = wsgi_app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.wsgi_app(environ, start_response)


WRAPPINGS = [
    pytest.param(lambda app: app, id="directly"),
    pytest.param(Framework, id="as a framework's"),
    pytest.param(lambda app: Framework(Framework(app)), id="below strangers"),
]


@pytest.mark.parametrize("between", WRAPPINGS)
class TestRoundAnAppThatHasItsOwn:
    def test_the_apps_checks_are_asked(self, between) -> None:
        app = observe(between(observe(answering(), checks={"db": failing})))
        for path in ("/ready", "/ready/db", "/ready/"):
            assert call(app, path).json == {"status": "unavailable", "checks": {"db": "fail"}}
        assert call(app, "/ready/nope").body == b"hello"
        assert call(app, "/health").json == {"status": "ok"}

    def test_a_drain_is_said_by_either(self, between) -> None:
        outer, inner = HealthState(), HealthState()
        app = observe(between(observe(answering(), state=inner)), state=outer)
        for state in (outer, inner):
            state.drain()
            assert call(app, "/ready").json == {"status": "draining"}
            state.resume()
            assert call(app, "/ready").code == 200

    def test_its_paths_stay_what_they_are(self, between) -> None:
        inside = observe(
            answering(), checks={"db": failing}, live_path="/ready", ready_path="/health"
        )
        app = observe(between(inside))
        assert call(app, "/health").json["checks"] == {"db": "fail"}
        assert call(app, "/ready").json == {"status": "ok"}

    def test_other_paths_stand_beside_its_own(self, between) -> None:
        app = observe(
            between(observe(answering(), checks={"db": failing})),
            checks={"host": dict},
            ready_path="/readyz",
        )
        assert call(app, "/readyz").json["checks"] == {"host": "ok"}
        assert call(app, "/ready").json["checks"] == {"db": "fail"}


def test_an_app_that_names_itself_is_wrapped_all_the_same() -> None:
    app = Framework(answering())
    app.app = app  # type: ignore[attr-defined]
    assert call(Health(app), "/ready").code == 200


def test_an_app_whose_attributes_cannot_be_asked_is_wrapped_all_the_same() -> None:
    class Proxy:
        def __getattr__(self, name: str) -> NoReturn:
            raise RuntimeError(f"no {name} outside a request")

        def __call__(self, environ: Any, start_response: Any) -> Any:
            return answering()(environ, start_response)

    assert call(Health(Proxy()), "/orders").body == b"hello"


def test_threads_that_ask_while_reports_change_read_whole_answers() -> None:
    flips = iter(lambda: True, False)
    state = {"ok": True}

    def flip() -> bool:
        next(flips)
        state["ok"] = not state["ok"]
        return state["ok"]

    app = observe(answering(), checks={"db": flip}, check_ttl=0, access_log=False)
    odd: list[Any] = []

    def probe() -> None:
        for _ in range(100):
            answer = call_freely(app, "/ready")
            status = answer.json["checks"]["db"]
            if (answer.code, status) not in ((200, "ok"), (503, "fail")):
                odd.append((answer.code, status))

    threads = [threading.Thread(target=probe) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not odd


def test_an_answer_kept_for_a_report_does_not_keep_a_request() -> None:
    app = observe(answering(), checks={"db": dict})

    class Marker:
        pass

    marker = Marker()
    gone = weakref.ref(marker)
    call_freely(app, "/ready", marker=marker)
    call_freely(app, "/health", marker=marker)
    del marker
    gc.collect()
    assert gone() is None
