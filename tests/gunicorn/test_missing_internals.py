"""Internals of Gunicorn that are gone: one WARNING, and Gunicorn's own behaviour."""

import signal
from pathlib import Path

import pytest

from tests.gunicorn.serving import ROOT, access_of, boots, gunicorn
from tests.servers.gunicorn import connected, read_all

CONF = str(Path(__file__).with_name("lacking_conf.py"))
LOSSES = {
    "handle_term": "Arbiter.handle_term: SIGTERM stops without draining",
    "handle_error": "SyncWorker.handle_error: rejected requests get Gunicorn's own response",
    "wsgi": "SyncWorker.wsgi: the app is not observed; only WSGI workers have one",
}


@pytest.mark.parametrize("gone", LOSSES)
def test_what_is_gone_is_said_once_and_the_rest_goes_on(gone: str) -> None:
    env = {"GONE": gone, "WSGI_OBSERVE_DRAIN_SECONDS": "1"}
    with gunicorn("-c", CONF, env=env) as server:
        warnings = [line for line in server.records if line["level"] == "WARNING"]
        lacks = [line["message"] for line in warnings if LOSSES[gone] in line["message"]]
        assert len(lacks) == 1
        assert len(boots(server)) == 1
        if gone != "wsgi":
            assert server.get("/", {"X-Request-ID": "served"}).status == 200
            assert access_of(server, "served")["status_code"] == 200
        # Without a handler SIGTERM means nothing to this arbiter.
        server.stop(signal.SIGINT)


def test_a_rejection_that_cannot_be_told_apart_is_answered_by_gunicorn(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(
        "from gunicorn.workers.sync import SyncWorker\n"
        "class Odd(SyncWorker):\n"
        "    def handle_error(self, req, client, addr, exc):\n"
        "        self.nothing_like_it\n"
    )
    with gunicorn(
        "-k", "odd.Odd", cwd=tmp_path, env={"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    ) as server:
        with connected(server) as sock:
            sock.sendall(b"NON SENSE\r\n\r\n")
            assert read_all(sock) == b""
        server.wait_for(
            lambda: [line for line in server.records if "a rejected request" in line["message"]]
        )
