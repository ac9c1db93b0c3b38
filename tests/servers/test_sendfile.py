"""A native file behind the stack is really sent by the kernel."""

from pathlib import Path

import pytest

from tests.servers.gunicorn import ROOT, WORKERS, gunicorn
from tests.servers.table import UWSGI
from tests.support import running


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(b"0123456789abcdef" * 65_536)
    return path


@pytest.mark.parametrize(
    ("options", "natively"),
    [
        pytest.param(WORKERS["sync"], True, id="sync", marks=pytest.mark.slow),
        pytest.param(WORKERS["gthread"], True, id="gthread"),
        pytest.param((*WORKERS["gthread"], "--no-sendfile"), False, id="gthread without sendfile"),
    ],
)
def test_a_file_is_sent_by_sendfile_and_logged_when_it_went(options, natively, large) -> None:
    with gunicorn(*options) as server:
        answer = server.get(f"/file?path={large}", {"X-Request-ID": "file"})
        assert answer.body == large.read_bytes()
        assert answer.headers["X-Request-ID"] == "file"
        assert (int(server.get("/sent-natively").body) > 0) is natively
        (access,) = server.log_of("file")
        assert (access["outcome"], access["status_code"]) == ("complete", 200)
        assert access["response_bytes"] == large.stat().st_size


def test_uwsgi_says_that_it_sent_the_file_by_sendfile(large: Path) -> None:
    with running(*UWSGI, cwd=ROOT) as server:
        answer = server.get(f"/file?path={large}", {"X-Request-ID": "file"})
        assert answer.body == large.read_bytes()
        assert server.log_of("file")
        server.wait_for(lambda: [line for line in server.lines if "via sendfile()" in line])
