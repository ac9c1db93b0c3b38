"""A request in flight when Gunicorn ends its worker."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers.gunicorn import WORKERS, gunicorn


@pytest.mark.slow
def test_a_sync_worker_that_times_out_answers_with_the_envelope(tmp_path: Path) -> None:
    with gunicorn("-k", "sync", "--timeout", "1") as server:
        answer = server.get(f"/stream?gate={tmp_path}&count=1", {"X-Request-ID": "stuck"})
        assert (answer.status, answer.json["request_id"]) == (500, "stuck")
        (error,) = [line for line in server.log_of("stuck") if line["level"] == "ERROR"]
        assert (error["outcome"], error["cause"]) == ("died", "worker timeout")
        assert "in wait_for" in error["stack"]
        # The next worker serves on.
        assert server.get("/id").status == 200


@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_a_stream_is_finished_under_its_id_when_the_server_is_told_to_stop(
    kind: str, tmp_path: Path
) -> None:
    (tmp_path / "0").touch()
    with gunicorn(*WORKERS[kind]) as server, ThreadPoolExecutor(1) as pool:
        path = f"/stream?gate={tmp_path}&count=3"
        asked = pool.submit(server.get, path, {"X-Request-ID": "last"})
        server.wait_for(lambda: server.lines_of("last"))
        server.process.send_signal(signal.SIGTERM)
        server.wait_for(lambda: "Handling signal: term" in str(server.records))
        for number in (1, 2):
            (tmp_path / str(number)).touch()
        assert asked.result().body.decode().split() == ["last"] * 3
        (access,) = [
            line for line in server.log_of("last") if line["logger"] == "wsgi_observe.access"
        ]
        assert access["outcome"] == "complete"
        assert server.end() == 0


def test_a_worker_that_has_served_enough_hands_on_without_mixing_ids() -> None:
    with gunicorn("-k", "gthread", "--threads", "2", "--max-requests", "3") as server:
        ids = [f"id-{number}" for number in range(9)]
        for one in ids:
            assert server.get("/id", {"X-Request-ID": one}).body.decode() == one
        for one in ids:
            assert len(server.log_of(one)) == 2
