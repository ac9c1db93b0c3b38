"""Many processes and threads on one stream: no line torn, none lost, each thread's in order."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.logs.writers import PREAMBLE, Reader, messages, run, whole
from tests.support import eventually, strict_json

FORKED = """
configure_logging(log_format="json", log_wait=20, **{settings})

def write(process, thread):
    for number in range(15):
        size = 200 * 3 ** (number % 6) if number % 7 else 60_000
        text = chr(97 + process) * size
        log.info("%s", text, extra={{"who": [process, thread], "number": number}})

def work(process):
    threads = [threading.Thread(target=write, args=(process, n)) for n in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

children = []
for process in range(4):
    pid = os.fork()
    if not pid:
        work(process)
        logging.shutdown()
        os._exit(0)
    children.append(pid)
for pid in children: assert os.waitpid(pid, 0)[1] == 0
"""


def check(records: list[dict[str, Any]]) -> None:
    seen: dict[tuple[int, ...], list[int]] = {}
    for record in records:
        assert "lost" not in record, record
        assert not record.get("truncated"), "a part is missing"
        assert set(record["message"]) == {chr(97 + record["who"][0])}
        number = record["number"]
        assert len(record["message"]) == (200 * 3 ** (number % 6) if number % 7 else 60_000)
        seen.setdefault(tuple(record["who"]), []).append(number)
    assert len(seen) == 16
    assert all(numbers == list(range(15)) for numbers in seen.values())


def test_on_one_pipe() -> None:
    end, start = os.pipe()
    reader = Reader(end)
    run(FORKED.format(settings={}), stdout=start)
    os.close(start)
    check(whole(reader.lines()))


@pytest.mark.parametrize("longest", [4096, 1 << 20], ids=["in parts", "in long lines"])
def test_in_one_file(longest: int, tmp_path: Path) -> None:
    path = tmp_path / "shop.log"
    settings = {"log_stream": str(path), "max_line_bytes": longest}
    run(FORKED.format(settings=settings))
    lines = path.read_bytes().splitlines(keepends=True)
    check(whole(lines) if longest == 4096 else [strict_json(line) for line in lines])


def test_in_a_file_that_stdout_was_redirected_to(tmp_path: Path) -> None:
    path = tmp_path / "shop.log"
    with path.open("wb") as file:
        file.write(b'{"message":"before"}\n')
        file.flush()
        run(FORKED.format(settings={}), stdout=file)
    first, *rest = path.read_bytes().splitlines(keepends=True)
    assert b"before" in first
    check(whole(rest))


def test_what_waits_for_the_stream_is_written_at_the_end_after_a_dict_config_too() -> None:
    end, start = os.pipe()
    program = """
        from logging.config import dictConfig
        from wsgi_observe.logs.installation import installation
        configure_logging(log_format="json", log_wait=0)
        dictConfig({"version": 1, "disable_existing_loggers": False})
        installation.check()
        while True:
            log.info("fill %s", "x" * 3000)
            if logging.getLogger().handlers[0]._writer.has_backlog: break
        log.warning("kept")
        sys.stderr.write("ready")
        sys.stderr.flush()
        os.read(0, 1)
    """
    child = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + dedent(program)],
        stdout=start,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.close(start)
    assert child.stderr is not None
    assert child.stderr.read(5) == b"ready"
    reader = Reader(end)
    eventually(reader.has_drained_it)
    _, said = child.communicate(b"x")
    assert (child.returncode, said) == (0, b"")
    assert [record["message"] for record in whole(reader.lines())].count("kept") == 1


def test_a_record_of_a_forked_child_is_not_its_parents_too() -> None:
    """What the parent keeps for later is the parent's alone."""
    end, start = os.pipe()
    program = """
        configure_logging(log_format="json", log_wait=0)
        while True:
            log.info("fill %s", "x" * 3000)
            if logging.getLogger().handlers[0]._writer.has_backlog: break
        log.warning("kept")
        pid = os.fork()
        if not pid:
            sys.stderr.write("ready")
            sys.stderr.flush()
            os.read(0, 1)
            log.warning("of the child")
            logging.shutdown()
            os._exit(0)
        os.waitpid(pid, 0)
        logging.shutdown()
    """
    child = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + dedent(program)],
        stdout=start,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stderr is not None
    assert child.stdin is not None
    assert child.stderr.read(5) == b"ready"
    os.close(start)
    reader = Reader(end)
    eventually(reader.has_drained_it)
    child.stdin.write(b"x")
    child.stdin.close()
    assert child.wait() == 0
    child.stderr.close()
    told = [record["message"] for record in whole(reader.lines())]
    assert told.count("kept") == 1
    assert told.count("of the child") == 1


def test_a_file_is_opened_again_when_it_was_rotated(tmp_path: Path) -> None:
    path, old = tmp_path / "shop.log", tmp_path / "shop.log.1"
    run(
        f"""
        configure_logging(log_format="json", log_stream={str(path)!r})
        log.info("one")
        os.rename({str(path)!r}, {str(old)!r})
        log.info("two")
        os.remove({str(path)!r})
        log.info("three")
        """
    )
    assert messages(old) == ["one"]
    assert messages(path) == ["three"]
