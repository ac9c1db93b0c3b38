"""A stream that takes nothing: no request waits for it, and what was lost is counted."""

import json
import os
import pwd
import socket
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent

import pytest

from tests.logs.writers import PREAMBLE, Reader, messages, run, whole
from tests.support import PATIENCE, eventually

STALL = float(os.environ.get("TEST_STALL_SECONDS", "2"))  # promised is 30

STALLED = """
from wsgi_observe import observe
import json
configure_logging(log_format="json")

def app(environ, start_response):
    log.info("working %s", "x" * 900)
    if environ["PATH_INFO"] == "/bad":
        log.warning("something is odd", extra={"number": environ["number"]})
    start_response("200 OK", [])
    return [b"ok"]

observed = observe(app)

def get(path, number=0):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "SCRIPT_NAME": "", "number": number}
    started = time.perf_counter()
    body = observed(environ, lambda *start: None)
    answer = b"".join(body)
    getattr(body, "close", bool)()
    return time.perf_counter() - started, answer

stop = time.monotonic() + float(sys.argv[1])
slow = count = 0
number = 0
while time.monotonic() < stop or count < 300:
    for path in ("/orders", "/health", "/ready"):
        seconds, answer = get(path)
        assert answer
        slow += seconds > 0.1
        count += 1
    if number < 50:
        slow += get("/bad", number)[0] > 0.1
        number += 1
    time.sleep(0.002)
sys.stderr.write(json.dumps({"slow": slow, "count": count}) + "\\n")
sys.stderr.flush()
os.read(0, 1)
log.info("after")
"""


@pytest.fixture
def stalled():
    """Run a service whose log nobody reads for a while; return its report and then its log."""
    end, start = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + STALLED, str(STALL)],
        stdin=subprocess.PIPE,
        stdout=start,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(start)
    report = json.loads(child.stderr.readline())
    reader = Reader(end)
    eventually(reader.has_drained_it)
    # One more line finds it open.
    child.stdin.write("x")
    child.stdin.flush()
    _, rest = child.communicate(timeout=PATIENCE)
    assert rest == ""
    assert child.returncode == 0
    return report, whole(reader.lines())


def test_a_stalled_pipe_costs_one_short_wait_and_the_lines_that_it_has_no_room_for(stalled) -> None:
    report, records = stalled
    assert report["count"] >= 300
    assert report["slow"] <= 1
    told = [record["message"] for record in records]
    warnings = [r["number"] for r in records if r["message"] == "something is odd"]
    assert warnings == list(range(50))
    counts = [record for record in records if "lost" in record]
    assert {record["level"] for record in counts} == {"WARNING"}
    # Two lines a round, three for each of the odd ones, and the last one.
    written = 2 * report["count"] // 3 + 3 * 50 + 1
    assert sum(record["lost"] for record in counts) == written - (len(records) - len(counts))
    assert sum(record["lost"] for record in counts) > 100
    # What mattered came first when the pipe drained.
    assert told[-2:] == [counts[-1]["message"], "after"]
    assert told[-3] == "something is odd"


def test_while_one_thread_waits_the_others_go_on_and_lose_nothing() -> None:
    end, start = os.pipe()
    program = f"""
        configure_logging(log_format="json", log_wait={2 * PATIENCE})
        writer = logging.getLogger().handlers[0]._writer
        def fill():
            number = 0
            while not enough.is_set():
                log.info("fill %s", "x" * 900, extra={{"number": number}})
                number += 1
        enough = threading.Event()
        filler = threading.Thread(target=fill)
        filler.start()
        while not writer.has_backlog: time.sleep(0.001)
        for number in range(50): log.info("on", extra={{"number": number}})
        enough.set()
        sys.stderr.write("went on")
        sys.stderr.flush()
        filler.join()
    """
    child = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + dedent(program)], stdout=start, stderr=subprocess.PIPE
    )
    os.close(start)
    assert child.stderr.read(7) == b"went on"
    reader = Reader(end)
    child.communicate(timeout=PATIENCE)
    assert child.returncode == 0
    records = whole(reader.lines())
    assert not [record for record in records if "lost" in record]
    numbers = [record["number"] for record in records if record["message"] == "on"]
    assert numbers == list(range(50))
    filled = [record["number"] for record in records if record["message"] != "on"]
    assert filled == list(range(len(filled)))


def test_a_closed_pipe_costs_one_notice() -> None:
    end, start = os.pipe()
    os.close(end)
    done = run(
        """
        configure_logging(log_format="json")
        for number in range(1000):
            log.warning("hello")
        """,
        stdout=start,
    )
    os.close(start)
    (notice,) = messages(done.stderr)
    assert "cannot write logs to stdout" in notice


def test_a_disk_that_is_full_is_counted_and_said_once() -> None:
    with Path("/dev/full").open("wb") as full:
        done = run(
            """
            configure_logging(log_format="json")
            for number in range(100):
                log.info("hello")
            assert logging.getLogger().handlers[0]._writer._dropped == 100
            """,
            stdout=full,
        )
    (notice,) = messages(done.stderr)
    assert "No space left" in notice


def test_dev_null_takes_everything() -> None:
    with Path("/dev/null").open("wb") as null:
        done = run("configure_logging(log_format='json'); log.error('hello')", stdout=null)
    assert done.stderr == b""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_users_pipe_is_asked_before_each_write() -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    end, start = os.pipe()
    program = f"""
        import logging.config, wsgi_observe.logs.formatters.json  # which nobody may not be let read
        os.setuid({nobody})
        configure_logging(log_format="json", log_wait=0.05)
        log.info("before")
        started = time.monotonic()
        for number in range(200):
            log.info("hello %s", "x" * 2000)
        log.warning("kept")
        assert time.monotonic() - started < 2
        assert logging.getLogger().handlers[0]._writer.sink._write.__name__ == "write_if_room"
        sys.stderr.write("full")
        sys.stderr.flush()
        os.read(0, 1)
        log.info("after")
    """
    child = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + dedent(program)],
        stdin=subprocess.PIPE,
        stdout=start,
        stderr=subprocess.PIPE,
    )
    os.close(start)
    assert child.stderr.read(4) == b"full", child.stderr.read()
    reader = Reader(end)
    eventually(reader.has_drained_it)
    child.communicate(b"x", timeout=PATIENCE)
    assert child.returncode == 0
    told = [record["message"] for record in whole(reader.lines())]
    assert told[0] == "before"
    assert told[-3] == "kept"
    assert "log lines were dropped" in told[-2]
    assert told[-1] == "after"


@pytest.mark.parametrize(
    "kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["stream", "datagram"]
)
def test_a_socket_takes_whole_lines_and_stays_as_it_was(kind: int) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    with ours, theirs:
        run(
            """
            configure_logging(log_format="json")
            log.info("hello")
            assert os.get_blocking(1)
            log.info("again")
            """,
            stdout=theirs,
        )
        data = ours.recv(100_000) + (ours.recv(100_000) if kind == socket.SOCK_DGRAM else b"")
    assert messages(data) == ["hello", "again"]


def test_a_socket_that_nobody_reads_holds_nobody_up() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        run(
            """
            configure_logging(log_format="json")
            started = time.monotonic()
            for number in range(2000):
                log.info("hello %s", "x" * 2000)
            assert time.monotonic() - started < 5
            """,
            stdout=theirs,
        )


def test_a_closed_stdout_sends_the_lines_to_stderr_and_says_so() -> None:
    done = run(
        """
        configure_logging(log_format="json")
        log.info("hello")
        """,
        preexec_fn=lambda: os.close(1),
    )
    assert messages(done.stderr) == ["stdout is closed: log lines go to stderr", "hello"]


def test_without_any_stream_nothing_fails() -> None:
    def close_both() -> None:
        os.close(1)
        os.close(2)

    run("configure_logging(log_format='json'); log.error('hello')", preexec_fn=close_both)


def test_a_stdout_that_is_moved_to_another_file_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "other.log"
    done = run(
        f"""
        configure_logging(log_format="json")
        log.info("one")
        os.dup2(os.open({str(path)!r}, os.O_WRONLY | os.O_CREAT), 1)
        logging.getLogger().handlers[0]._checked_at = 0  # a second later
        log.info("two")
        """
    )
    assert messages(done.stdout) == ["one"]
    assert messages(path) == ["two"]


def test_descriptors_that_a_daemon_closes_are_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "data"
    done = run(
        f"""
        configure_logging(log_format="json")
        log.info("one")
        os.closerange(3, 100)
        data = [os.open({str(path)!r}, os.O_RDWR | os.O_CREAT) for _ in range(20)]
        logging.getLogger().handlers[0]._checked_at = 0  # a second later
        log.info("two")
        assert os.path.getsize({str(path)!r}) == 0
        for one in data: os.fstat(one)
        """
    )
    assert messages(done.stdout) == ["one", "two"]


REUSED = """
import socket
configure_logging(log_format="json", log_stream={stream!r})
log.warning("one")
os.closerange({first}, 256)
pair = socket.socketpair()
more = socket.socketpair()  # as many as take the numbers of the standard streams
log.warning("two")
for one in (*pair, *more):
    one.setblocking(False)
    try: received = one.recv(1)
    except BlockingIOError: continue
    os._exit(7)
"""


@pytest.mark.parametrize("first", [3, 0], ids=["all but the standard ones", "all"])
@pytest.mark.parametrize("kind", ["pipe", "file", "socket", "path"])
def test_a_number_that_a_socket_has_got_at_once_receives_no_line(
    kind: str, first: int, tmp_path: Path
) -> None:
    path = tmp_path / "shop.log"
    ours, theirs = socket.socketpair()
    with path.open("ab") as file, ours, theirs:
        stdout = {"file": file, "socket": theirs}.get(kind, subprocess.PIPE)
        stream = str(path) if kind == "path" else "stdout"
        done = run(REUSED.format(stream=stream, first=first), stdout=stdout)
        written = done.stdout or path.read_bytes() or ours.recv(10_000)
    is_gone = first == 0 and kind != "path"
    assert messages(written) == (["one"] if is_gone else ["one", "two"])


def test_a_standard_descriptor_that_a_socket_has_got_is_not_followed() -> None:
    done = run(
        """
        import socket
        configure_logging(log_format="json")
        log.info("one")
        os.close(1)
        pair = socket.socketpair()
        assert pair[0].fileno() == 1
        logging.getLogger().handlers[0]._checked_at = 0  # a second later
        log.info("two")
        """
    )
    assert messages(done.stdout) == ["one", "two"]


EXHAUSTED = """
import resource
from logging.config import dictConfig
from wsgi_observe.logs import logging_config
taken = []
def exhaust():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    while True:
        try: taken.append(os.dup(2))
        except OSError: return
def relieve():
    while taken: os.close(taken.pop())
handler = lambda: logging.getLogger().handlers[0]
"""


@pytest.mark.parametrize("kind", ["pipe", "file", "socket"])
def test_without_a_descriptor_to_spare_a_line_is_written_and_the_stream_opened_later(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "shop.log"
    ours, theirs = socket.socketpair()
    program = EXHAUSTED + dedent(
        """
        dictConfig(logging_config(log_format="json"))
        exhaust()
        log.error("one")
        assert handler()._writer.sink._fd == 1  # borrowed
        relieve()
        handler()._checked_at = 0  # a second later
        log.error("two")
        assert handler()._writer.sink._fd > 2
        """
    )
    with path.open("ab") as file, ours, theirs:
        done = run(program, stdout={"file": file, "socket": theirs}.get(kind, subprocess.PIPE))
        written = done.stdout or path.read_bytes() or ours.recv(10_000)
    assert messages(written) == ["one", "two"]
    assert done.stderr == b""


def test_a_pipe_that_nobody_reads_holds_nobody_up_who_had_no_descriptor_to_spare() -> None:
    end, start = os.pipe()
    program = EXHAUSTED + dedent(
        """
        dictConfig(logging_config(log_format="json", log_wait=0.05))
        exhaust()
        log.error("first")
        for number in range(500): log.error("y" * 400)
        relieve()
        """
    )
    run(program, stdout=start)
    os.close(start)
    assert whole(Reader(end).lines())[0]["message"] == "first"


def test_a_file_that_no_descriptor_is_left_for_is_opened_when_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "shop.log"
    program = EXHAUSTED + dedent(
        f"""
        configure_logging(log_format="json", log_stream={str(path)!r})
        log.error("one")
        os.closerange(3, 64)
        exhaust()
        log.error("two")
        relieve()
        log.error("three")
        """
    )
    run(program)
    assert messages(path) == ["one", "two", "three"]


CUT = """
import resource, signal
configure_logging(log_format="json", log_stream={stream!r})
log.error("one")
size = os.path.getsize({path!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, resource.RLIM_INFINITY))
log.error("two")
assert os.path.getsize({path!r}) == size + 20
{meanwhile}
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.error("three")
"""


MEANWHILE = {
    "there is room again": ("", ["one", "two", "three"]),
    "it was emptied": ("os.truncate({path!r}, 0)", ["two", "three"]),
    "it was written anew": ("open({path!r}, 'w').write(chr(10) * 50)", ["two", "three"]),
    "it was rotated away": ("os.rename({path!r}, {path!r} + '.1')", ["two", "three"]),
}


@pytest.mark.parametrize(
    ("kind", "meanwhile"),
    [
        *(("path", what) for what in MEANWHILE),
        *(("stdout", what) for what in MEANWHILE if "rotated" not in what),  # it stays that file
    ],
)
def test_the_rest_of_a_line_that_a_full_disk_cut_is_behind_its_beginning_or_nowhere(
    kind: str, meanwhile: str, tmp_path: Path
) -> None:
    path = tmp_path / "shop.log"
    done, left = MEANWHILE[meanwhile]
    stream = str(path) if kind == "path" else "stdout"
    program = CUT.format(stream=stream, path=str(path), meanwhile=done.format(path=str(path)))
    with path.open("ab") as file:
        run(program, stdout=file if kind == "stdout" else subprocess.PIPE)
    assert messages(path.read_bytes().lstrip(b"\n")) == left


def test_the_pipe_that_others_write_to_stays_blocking() -> None:
    done = run(
        """
        configure_logging(log_format="json")
        log.info("one")
        assert os.get_blocking(1)
        """
    )
    assert messages(done.stdout) == ["one"]


def test_a_line_longer_than_a_pipe_keeps_whole_is_refused_at_start() -> None:
    done = run(
        """
        from wsgi_observe import SettingsError
        try:
            configure_logging(max_line_bytes=8192)
        except SettingsError as error:
            sys.stderr.write(str(error))
        """
    )
    assert b"max_line_bytes must be at most 4096 for a pipe" in done.stderr


def test_a_path_that_cannot_be_opened_stops_the_start(tmp_path: Path) -> None:
    from wsgi_observe import SettingsError, configure_logging

    with pytest.raises(SettingsError, match="log_stream"):
        configure_logging(log_stream=str(tmp_path / "no" / "such" / "folder"))


GEVENT = """
import gevent
{patch}
configure_logging(log_format="json")
ticks = []
def tick():
    while True:
        ticks.append(time.monotonic())
        gevent.sleep(0.01)
gevent.spawn(tick)
def work(number):
    for _ in range(40):
        log.info("hello %s", "x" * 2000)
        gevent.sleep(0)
jobs = [gevent.spawn(work, number) for number in range(10)]
started = time.monotonic()
gevent.joinall(jobs, timeout=10)
assert all(job.successful() for job in jobs)
assert time.monotonic() - started < 4
"""


@pytest.mark.parametrize(
    "patch", ["", "from gevent import monkey; monkey.patch_all()"], ids=["unpatched", "patched"]
)
def test_greenlets_go_on_when_nobody_reads(patch: str) -> None:
    end, start = os.pipe()
    run(GEVENT.format(patch=patch), stdout=start)
    os.close(start)
    Reader(end).lines()


def test_threads_that_log_while_the_stream_stalls_all_end() -> None:
    end, start = os.pipe()
    run(
        """
        configure_logging(log_format="json")
        def write():
            for _ in range(500): log.warning("hello %s", "x" * 1000)
        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        kept = logging.getLogger().handlers[0]._writer
        assert kept._buffer_bytes <= 1024 * 1024
        assert kept._dropped > 0
        """,
        stdout=start,
    )
    os.close(start)
    assert threading.active_count()
    Reader(end).lines()


def test_lines_that_wait_are_written_without_another_line_once_there_is_room() -> None:
    end, start = os.pipe()
    program = """
        configure_logging(log_format="json", log_wait=0)
        handler = logging.getLogger().handlers[0]
        while not handler._writer.has_backlog:
            log.info("filling %s", "x" * 900)
        log.error("failed")
        handler.write_backlog()
        sys.stderr.write("full\\n")
        sys.stdin.read(1)
        handler.write_backlog()
        os._exit(0)
    """
    command = [sys.executable, "-c", PREAMBLE + dedent(program)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=start, stderr=subprocess.PIPE, text=True
    ) as child:
        os.close(start)
        assert child.stderr.readline() == "full\n"
        reader = Reader(end)
        eventually(reader.has_drained_it)
        child.communicate("x", timeout=PATIENCE)
    assert [record["message"] for record in whole(reader.lines())].count("failed") == 1
