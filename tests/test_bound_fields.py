"""bind(), log_context(), current_request_id()."""

import asyncio
import logging
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import answering, call, doing
from tests.conftest import Log
from wsgi_observe import bind, current_request_id, log_context, observe
from wsgi_observe.context import current_context
from wsgi_observe.field_names import LINE_NAMES
from wsgi_observe.ids import is_valid_id

_log = logging.getLogger("shop.jobs")


def test_there_is_no_id_outside_a_request() -> None:
    assert current_request_id() is None


def test_bind_outside_a_request_does_nothing(log: Log) -> None:
    bind(order=1)
    _log.info("hello")
    assert "order" not in log.lines[0]


class TestWithinARequest:
    def test_the_id_is_the_one_in_the_answer(self) -> None:
        def app(environ, start_response):
            return answering(body=[current_request_id().encode()])(environ, start_response)

        answer = call(observe(app))
        assert answer.body.decode() == answer.request_id

    def test_what_is_bound_is_on_every_later_line_and_the_access_line(self, log: Log) -> None:
        def app(environ, start_response):
            _log.info("before")
            bind(order=7, customer="x")
            _log.info("after")
            return answering()(environ, start_response)

        call(observe(app))
        before, after, access = log.lines
        assert "order" not in before
        assert (after["order"], after["customer"]) == (access["order"], access["customer"])

    def test_the_last_value_bound_counts(self, log: Log) -> None:
        def app(environ, start_response):
            bind(order=1)
            bind(order=2)
            return answering()(environ, start_response)

        call(observe(app))
        assert log.access["order"] == 2

    @pytest.mark.parametrize("name", sorted(LINE_NAMES))
    def test_a_bound_name_that_the_line_has_is_prefixed(self, name: str, log: Log) -> None:
        app = doing(lambda: bind(**{name: "mine"}))
        answer = call(observe(app))
        assert log.access[f"extra_{name}"] == "mine"
        assert log.access["request_id"] == answer.request_id
        assert log.access["level"] == "INFO"

    @pytest.mark.parametrize(
        "name",
        ["status_code", "duration_ms", "ttfb_ms", "response_bytes", "outcome", "user_agent"],
    )
    def test_a_bound_name_never_takes_a_fact_of_the_access_line(self, name, log: Log) -> None:
        app = doing(lambda: bind(**{name: "mine"}))
        call(observe(app), HTTP_USER_AGENT="curl")
        assert log.access[name] != "mine"
        assert log.access[f"extra_{name}"] == "mine"

    @pytest.mark.parametrize("name", ["msg", "args", "name", "levelno", "exc_text", "created"])
    def test_a_bound_name_of_a_log_record_breaks_no_record(self, name: str, log: Log) -> None:
        def app(environ, start_response):
            bind(**{name: "mine"})
            _log.info("said %s", 1)
            return answering()(environ, start_response)

        call(observe(app))
        assert log.lines[0]["message"] == "said 1"
        assert log.lines[0][f"extra_{name}"] == "mine"


class TestLogContext:
    def test_gives_a_job_an_id_of_its_own(self, log: Log) -> None:
        with log_context() as request_id:
            assert current_request_id() == request_id
            _log.info("hello")
        assert current_request_id() is None
        assert log.lines[0]["request_id"] == request_id
        assert is_valid_id(request_id)

    def test_gives_each_job_another_one(self) -> None:
        with log_context() as first, log_context() as second:
            assert first != second

    def test_takes_its_callers(self) -> None:
        with log_context("mine") as request_id:
            assert current_request_id() == request_id == "mine"

    @given(st.text())
    def test_takes_only_an_id_that_fits(self, given_id: str) -> None:
        with log_context(given_id) as request_id:
            assert is_valid_id(request_id)
            assert (request_id == given_id) == is_valid_id(given_id)

    def test_binds_its_fields_until_it_ends(self, log: Log) -> None:
        with log_context(job="reindex"):
            bind(step=1)
            _log.info("within")
        _log.info("after")
        within, after = log.lines
        assert (within["job"], within["step"]) == ("reindex", 1)
        assert not {"job", "step", "request_id"} & set(after)

    def test_has_no_method_and_path(self, log: Log) -> None:
        with log_context():
            _log.info("hello")
        assert not {"method", "path", "remote_addr"} & set(log.lines[0])

    def test_gives_back_what_it_interrupted(self) -> None:
        with log_context("outer"):
            with log_context("inner"):
                assert current_request_id() == "inner"
            assert current_request_id() == "outer"

    def test_ends_when_its_block_fails(self) -> None:
        with pytest.raises(KeyError), log_context():
            raise KeyError
        assert current_request_id() is None

    def test_carries_a_requests_id_into_a_thread(self, log: Log) -> None:
        def job(request_id: str | None) -> None:
            assert current_request_id() is None
            with log_context(request_id, job="mail"):
                _log.info("sent")

        def app(environ, start_response):
            thread = threading.Thread(target=job, args=[current_request_id()])
            thread.start()
            thread.join()
            return answering()(environ, start_response)

        answer = call(observe(app))
        (line,) = log.of("shop.jobs")
        assert (line["request_id"], line["job"]) == (answer.request_id, "mail")

    def test_gives_each_task_an_id_of_its_own(self) -> None:
        async def task(name: str) -> str | None:
            with log_context(name):
                await asyncio.sleep(0)
                return current_request_id()

        async def main() -> list[str | None]:
            return await asyncio.gather(task("a"), task("b"))

        assert asyncio.run(main()) == ["a", "b"]
        assert current_request_id() is None


def test_nobody_can_leave_anything_in_the_environ_of_requests_that_have_ended(log: Log) -> None:
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        seen.append(current_context())
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    for _ in range(2):
        call(observe(app))
    with pytest.raises(TypeError):
        seen[0].environ["PATH_INFO"] = "/of-another"
    assert [dict(scope.environ) for scope in seen] == [{}, {}]
