"""The recorder: a request is in the scoreboard for as long as it runs, and no longer."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from time import time
from typing import Any

import pytest
from flask import Flask, request

from tests.calls import answering, call, call_freely, environ, raising
from tests.conftest import Log
from wsgi_observe.flask import Observe
from wsgi_observe.redaction import REDACTED, Redactor
from wsgi_observe.scoreboard.recorder import Recorder
from wsgi_observe.scoreboard.scoreboard import RunningRequest, Scoreboard

Noted = Callable[[Any], Any]


def read_requests(scoreboard: Scoreboard, worker_entry: int = 1) -> list[RunningRequest]:
    return list(scoreboard.worker_entries[worker_entry].read_requests().requests.values())


def looking(scoreboard: Scoreboard, seen: list[RunningRequest]) -> Any:
    """Return an app that notes what the scoreboard has while it runs."""

    def app(environ: Any, start_response: Any) -> Any:
        seen.extend(read_requests(scoreboard))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    return app


class TestARequest:
    def test_is_in_the_scoreboard_while_it_runs(self, scoreboard: Scoreboard, noted: Noted) -> None:
        seen: list[RunningRequest] = []
        before = time()
        call(noted(looking(scoreboard, seen)), "/orders", "POST", HTTP_X_REQUEST_ID="abc")
        (running_request,) = seen
        assert running_request[:3] == ("abc", "POST", "/orders")
        assert before <= running_request.started <= time()
        assert read_requests(scoreboard) == []

    def test_is_there_until_its_body_is_closed(self, scoreboard: Scoreboard, noted: Noted) -> None:
        def chunks() -> Iterator[bytes]:
            assert len(read_requests(scoreboard)) == 1
            yield b"a"
            assert len(read_requests(scoreboard)) == 1
            yield b"b"

        assert call(noted(answering(body=chunks))).body == b"ab"
        assert read_requests(scoreboard) == []

    @pytest.mark.parametrize("kind", [ValueError, SystemExit])
    def test_that_fails_leaves_it(
        self, kind: type[BaseException], scoreboard: Scoreboard, noted: Noted, log: Log
    ) -> None:
        assert call(noted(raising(kind(3)))).code == 500
        assert read_requests(scoreboard) == []

    def test_is_there_until_its_access_line_is_written(
        self, scoreboard: Scoreboard, noted: Noted, log: Log, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = []
        monkeypatch.setattr(log, "emit", lambda record: seen.append(len(read_requests(scoreboard))))
        call(noted(answering()))
        assert seen == [1]

    @pytest.mark.parametrize(
        ("more", "path"),
        [
            ({"SCRIPT_NAME": "/shop", "PATH_INFO": "/orders"}, "/shop/orders"),
            ({"PATH_INFO": "/caf\xc3\xa9"}, "/caf\xc3\xa9"),
            ({"PATH_INFO": "/" + "x" * 900}, "/" + "x" * (488 - 1 - len("abc\0GET\0"))),
            ({"PATH_INFO": "/\ud800"}, "/?"),
        ],
        ids=["mounted", "UTF-8", "cut", "unfit"],
    )
    def test_is_named_by_its_path(
        self, more: dict[str, str], path: str, scoreboard: Scoreboard, noted: Noted
    ) -> None:
        seen: list[RunningRequest] = []
        call_freely(noted(looking(scoreboard, seen)), HTTP_X_REQUEST_ID="abc", **more)
        assert [running_request.path for running_request in seen] == [path]

    def test_whose_server_leaves_out_what_is_empty_is_noted(
        self, scoreboard: Scoreboard, noted: Noted
    ) -> None:
        seen: list[RunningRequest] = []
        sparse = environ()
        del sparse["SCRIPT_NAME"], sparse["PATH_INFO"]
        body = noted(looking(scoreboard, seen))(sparse, lambda status, headers: None)
        body.close()
        assert [running_request.path for running_request in seen] == [""]

    def test_for_a_probe_is_not_noted(self, recorder: Recorder, noted: Noted) -> None:
        recorder.free_entries.clear()
        assert call(noted(answering()), "/health").code == 200
        assert recorder.worker_entry.overflow == 0


def test_requests_at_the_same_time_have_an_entry_each(scoreboard: Scoreboard, noted: Noted) -> None:
    both = threading.Barrier(2, timeout=20)
    seen: list[list[RunningRequest]] = []

    def app(environ: Any, start_response: Any) -> Any:
        both.wait()
        seen.append(read_requests(scoreboard))
        both.wait()
        start_response("200 OK", [])
        return []

    observed = noted(app)
    threads = [threading.Thread(target=call_freely, args=(observed, f"/{n}")) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sorted(running_request.path for running_request in one) for one in seen] == [
        ["/0", "/1"]
    ] * 2
    assert read_requests(scoreboard) == []


def test_more_requests_than_entries_are_counted(
    scoreboard: Scoreboard, recorder: Recorder, noted: Noted
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        depth = int(environ["PATH_INFO"][1:])
        if depth:
            call_freely(observed, f"/{depth - 1}")
        else:
            seen.append(
                (
                    len(read_requests(scoreboard)),
                    recorder.worker_entry.overflow,
                    len(recorder.running_entries),
                )
            )
        start_response("200 OK", [])
        return []

    seen: list[tuple[int, int, int]] = []
    observed = noted(app)
    call_freely(observed, "/6")
    assert seen == [(4, 3, 7)]
    assert (recorder.worker_entry.overflow, len(recorder.free_entries)) == (0, 4)


def test_ten_thousand_requests_in_turn_use_one_entry(recorder: Recorder, noted: Noted) -> None:
    for _ in range(10_000):
        call_freely(recorder)
    assert recorder.running_entries == []
    touched = [
        number
        for number, at in enumerate(recorder.worker_entry.request_offsets)
        if _is_used(recorder, at)
    ]
    assert touched == [0]


def _is_used(recorder: Recorder, offset: int) -> bool:
    return any(recorder.worker_entry.memory[offset : offset + 64])


def test_a_process_forked_in_a_request_does_not_touch_the_scoreboard(
    scoreboard: Scoreboard, noted: Noted
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/fork":
            child = os.fork()
            if not child:
                try:
                    call_freely(observed, "/in-the-child")
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            seen.extend(read_requests(scoreboard))
        start_response("200 OK", [])
        return []

    seen: list[RunningRequest] = []
    observed = noted(app)
    call_freely(observed, "/fork")
    assert [running_request.path for running_request in seen] == ["/fork"]
    assert read_requests(scoreboard) == []


def test_a_forked_child_that_returns_leaves_its_parents_request_in_the_scoreboard(
    scoreboard: Scoreboard, noted: Noted
) -> None:
    children: list[int] = []

    def app(environ: Any, start_response: Any) -> Any:
        children.append(os.fork())
        start_response("200 OK", [])
        return [b"ok"]

    body = noted(app)(environ("/twice"), lambda status, headers: None)
    if not children[0]:
        try:
            body.close()
        finally:
            os._exit(0)
    os.waitpid(children[0], 0)
    assert [running_request.path for running_request in read_requests(scoreboard)] == ["/twice"]
    body.close()


def test_a_secret_in_the_path_is_not_kept_in_the_scoreboard(
    scoreboard: Scoreboard, recorder: Recorder
) -> None:
    app = Flask("shop")
    seen: list[RunningRequest] = []

    @app.get("/reset/<token>")
    def reset(token: str) -> str:
        seen.extend(read_requests(scoreboard))
        assert request.view_args == {"token": "s3cret"}
        return "ok"

    Observe(app)
    app.wsgi_app.insert(recorder, before=())  # type: ignore[attr-defined]
    call(app, "/reset/s3cret", HTTP_X_REQUEST_ID="abc")
    assert [(one.request_id, one.method, one.path) for one in seen] == [
        ("abc", "GET", f"/reset/{REDACTED}")
    ]


def test_what_a_pattern_matches_is_not_kept_in_the_scoreboard(
    scoreboard: Scoreboard,
) -> None:
    seen: list[str] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.extend(running_request.path for running_request in read_requests(scoreboard))
        start_response("204 No Content", [])
        return []

    redact_path = Redactor(patterns=["EMP-é\\d"]).path
    noted = Recorder(app, scoreboard.worker_entries[1], redact_path=redact_path)
    for path in ("/EMP-\xc3\xa97/a", "/\xc3\xa9"):  # UTF-8 as PEP 3333 has it
        noted(environ(path), lambda status, headers: None).close()  # type: ignore[attr-defined]
    assert seen == [f"/{REDACTED}/a", "/\xc3\xa9"]


def test_a_failing_recorder_costs_nothing_but_its_entry(
    recorder: Recorder, noted: Noted, log: Log
) -> None:
    recorder.get_ident = None  # type: ignore[assignment]
    observed = noted(answering())
    for _ in range(9):
        assert call(observed).code == 200
    (warning,) = log.warnings
    assert "running request" in warning["message"]
    assert (
        recorder.running_entries,
        recorder.worker_entry.overflow,
        len(recorder.free_entries),
    ) == ([], 0, 4)
