"""A user's own gunicorn.conf.py: all of theirs still runs, and nothing is logged twice."""

import os
import signal
import socket
from collections import Counter
from pathlib import Path

import pytest

from tests.gunicorn.serving import BY_LOGGER, access_of, bare, boots, gunicorn, lines_with, reload
from tests.marks import first_by_default
from tests.support import eventually

CONF = str(Path(__file__).with_name("everything_conf.py"))
TALKING = "tests.gunicorn.talking:app"


def notes(place: Path) -> Counter[str]:
    return Counter((place / "hooks").read_text().splitlines())


def repeated(server) -> list[str]:
    """The messages that one process has logged twice."""
    seen = Counter((line["pid"], line["message"]) for line in server.records)
    return [message for (_, message), times in seen.items() if times > 1]


@pytest.mark.parametrize("preload", first_by_default([("--preload",), ()]), ids=["preload", ""])
@pytest.mark.parametrize("version", first_by_default(["newest", "oldest"]))
def test_every_hook_of_theirs_runs_as_often_as_ever(
    preload: tuple[str, ...], version: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    counted = []
    environment = request.getfixturevalue("oldest_gunicorn") if version == "oldest" else {}
    for number, door in enumerate([BY_LOGGER, ()]):
        place = tmp_path / str(number)
        place.mkdir()
        options = ("-k", "gthread", *preload, "-c", CONF)
        env = {"NOTED": str(place), **environment}
        start = gunicorn if door else bare
        with start(*options, env=env, app=TALKING) as server:
            assert server.get("/", {"X-Request-ID": "theirs"}).status == 200
            os.kill(server.process.pid, signal.SIGHUP)
            server.wait_for(lambda: "Worker exiting" in "\n".join(server.lines))
            eventually(lambda place=place: notes(place)["child_exit"])
            assert server.get("/").status == 200
            if door:
                assert access_of(server, "theirs")["status_code"] == 200
                assert repeated(server) == []
                assert [line for line in server.lines if not line.startswith("{")] == []
            assert server.stop() == 0
        counted.append(notes(place))
    assert counted[0] == counted[1]
    assert len(counted[0]) == 14


@pytest.mark.parametrize("reloaded", [False, True], ids=["new", "reloaded"])
@pytest.mark.parametrize("preload", first_by_default([("--preload",), ()]), ids=["preload", ""])
def test_a_logconfig_dict_keeps_its_files_filters_and_levels_and_the_console_is_ours(
    preload: tuple[str, ...], reloaded: bool, tmp_path: Path
) -> None:
    env = {"NOTED": str(tmp_path), "LOGGING": "dict"}
    with gunicorn(*preload, "-c", CONF, env=env, app=TALKING) as server:
        if reloaded:
            reload(server)
        server.get("/", {"X-Request-ID": "talk"})
        access_of(server, "talk")
        assert [line for line in server.lines if not line.startswith("{")] == []
        messages = Counter(line["message"] for line in server.lines_of("talk"))
        assert messages == {
            "info of shop": 1,
            "warning of shop": 1,
            "info of other": 1,
            "warning of other": 1,
            "debug of other": 1,  # root's level is theirs
            "warning of shop.audit": 1,  # its console handler has a level
            "GET / 200": 1,
        }
        assert repeated(server) == []
        log = tmp_path / "app.log"
        eventually(lambda: "INFO wsgi_observe.access GET / 200" in log.read_text())
        written = Counter(log.read_text().splitlines())
        assert written["INFO shop info of shop"] == 1
        assert written["INFO shop noise of shop"] == 1
        assert written["INFO wsgi_observe.access GET / 200"] == 1
        assert not [line for line in written if "audit" in line]
        assert not [line for line in server.records if line["logger"] == "gunicorn.access"]


def test_an_access_log_that_is_asked_for_on_the_console_is_lines_of_ours() -> None:
    with gunicorn("--access-logfile", "-", "--access-logformat", "%(m)s %(U)s %(s)s") as server:
        server.get("/orders", {"X-Request-ID": "asked"})
        lines = server.log_of("asked")
        server.wait_for(lambda: lines_with(server, "GET /orders 200"))
        of_gunicorn = [line for line in lines if line["logger"] == "gunicorn.access"]
        assert [line["message"] for line in of_gunicorn] == ["GET /orders 200"]
        assert [line for line in server.lines if not line.startswith("{")] == []
        assert "accesslog" in boots(server)[0]["message"]


def test_logs_in_files_are_theirs_in_their_form(tmp_path: Path) -> None:
    access, error = tmp_path / "access.log", tmp_path / "error.log"
    options = ("--access-logfile", str(access), "--error-logfile", str(error))
    with gunicorn(*options, "--access-logformat", "%(m)s %(U)s %(s)s") as server:
        server.get("/orders", {"X-Request-ID": "files"})
        lines = server.log_of("files")
        assert [line["logger"] for line in lines] == ["wsgi_observe.access"]
        assert access.read_text().splitlines() == ["GET /orders 200"]
        assert error.read_text().count("Starting gunicorn") == 1
        assert len(lines_with(server, "Starting gunicorn")) == 1


def test_statsd_is_fed_as_gunicorns_own_logger_feeds_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(20)
        host = "{}:{}".format(*statsd.getsockname())
        with gunicorn("--statsd-host", host, "--workers", "1") as server:
            server.get("/orders", {"X-Request-ID": "counted"})
            access_of(server, "counted")
            received = b""
            while b"gunicorn.request.status.200" not in received:
                received += statsd.recv(1000)
            assert b"gunicorn.requests" in received


@pytest.mark.parametrize("preload", first_by_default([("--preload",), ()]), ids=["preload", ""])
def test_handlers_that_the_app_brings_are_not_heard_twice(
    preload: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "loud.py").write_text(
        "import logging, sys\n"
        "logging.basicConfig(level='INFO', stream=sys.stdout, force=True)\n"
        "log = logging.getLogger('loud')\n"
        "log.addHandler(logging.StreamHandler())\n"
        "log.addHandler(logging.FileHandler('loud.log', mode='w'))\n"
        "def app(environ, start_response):\n"
        "    log.info('aloud')\n"
        "    start_response('200 OK', [])\n"
        "    return [b'']\n"
    )
    with gunicorn(*preload, app="loud:app", cwd=tmp_path) as server:
        reload(server)
        server.get("/", {"X-Request-ID": "loud"})
        lines = [line["message"] for line in server.log_of("loud")]
        assert lines == ["aloud", "GET / 200"]
        assert [line for line in server.lines if not line.startswith("{")] == []
        assert (tmp_path / "loud.log").read_text() == "aloud\n"


@pytest.mark.parametrize("name", ["", "own"], ids=["root", "a logger that does not propagate"])
def test_a_console_form_of_their_own_class_stays_beside_ours(name: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import logging, sys\n"
        "class Own(logging.Formatter):\n"
        "    def format(self, record):\n"
        "        return 'own: ' + record.getMessage()\n"
        "handler = logging.StreamHandler(sys.stdout)\n"
        "handler.setFormatter(Own())\n"
        f"logging.getLogger({name!r}).handlers[:] = [handler]\n"
        f"logging.getLogger({name!r}).propagate = False\n"
        "def app(environ, start_response):\n"
        "    logging.getLogger('own').warning('hello, password=hunter22')\n"
        "    start_response('200 OK', [])\n"
        "    return [b'']\n"
    )
    with bare(*BY_LOGGER, app="own:app", cwd=tmp_path) as server:
        server.get("/", {"X-Request-ID": "own"})
        lines = [line["message"] for line in server.log_of("own")]
        assert lines == ["hello, password=[REDACTED]", "GET / 200"]
        server.wait_for(lambda: "own: hello, password=hunter22" in server.lines)
        (problem,) = [one for one in boots(server)[0]["problems"] if "StreamHandler" in one]
        assert problem == (
            f"StreamHandler with Own on the logger {name or 'root'} writes the same records to the "
            "console in a form of its own, beside the JSON lines: remove it"
        )
