"""Question 10 of the doctor: do log lines go to standard output, and not to files?"""

import importlib.util
from pathlib import Path

import pytest

from tests.doctor.examining import ask_one
from tests.doctor.test_logging_setup import CONFIGURED, HELLO, line_of
from wsgi_observe.doctor.answer import Result

IMPORTS = """
import logging, queue, sys
from logging import FileHandler
from logging.handlers import *
"""


def test_a_file_that_has_all_lines_is_a_fault_with_its_place(tmp_path: Path) -> None:
    source = f"import logging\n{HELLO}logging.basicConfig(filename='app.log')\n"
    (fault,) = ask_one(tmp_path, source, 10).faults
    assert f"FileHandler on root writes to the file {tmp_path}/app.log alone" in fault.seen
    assert fault.where == line_of(source, "basicConfig")
    assert not fault.is_warning


@pytest.mark.slow
def test_a_file_beside_standard_output_is_a_warning(tmp_path: Path) -> None:
    source = f"{CONFIGURED}logging.root.addHandler(logging.FileHandler('app.log'))\n{HELLO}"
    answer = ask_one(tmp_path, source, 10)
    assert answer.result is Result.WARN
    assert "app.log, beside standard output" in answer.faults[0].seen


FILES = {
    "rotating": 'logging.root.addHandler(RotatingFileHandler("a.log"))',
    "timed": 'logging.root.addHandler(TimedRotatingFileHandler("a.log", delay=True))',
    "watched": 'logging.getLogger("audit").addHandler(WatchedFileHandler("a.log"))',
    "subclass": 'class Own(logging.FileHandler): pass\nlogging.root.addHandler(Own("a.log"))',
    "open file": 'logging.root.addHandler(logging.StreamHandler(open("a.log", "a")))',
    "memory": 'logging.root.addHandler(MemoryHandler(9, target=logging.FileHandler("a.log")))',
    "queue": (
        "q = queue.Queue()\n"
        "QueueListener(q, logging.FileHandler('a.log')).start()\n"
        "logging.root.addHandler(QueueHandler(q))"
    ),
    "link": (
        "import os\nos.symlink('b.log', 'a.log')\n"
        "logging.root.addHandler(logging.FileHandler('a.log'))"
    ),
    "structlog": (
        "import structlog\n"
        "structlog.configure(logger_factory=structlog.WriteLoggerFactory(open('a.log', 'w')))"
    ),
    "loguru": "from loguru import logger\nlogger.remove()\nlogger.add('a.log')",
}


@pytest.mark.slow
@pytest.mark.parametrize("source", FILES.values(), ids=FILES.keys())
def test_each_kind_of_handler_for_a_file_is_named(tmp_path: Path, source: str) -> None:
    if "loguru" in source and importlib.util.find_spec("loguru") is None:
        pytest.skip("loguru is not installed")
    (fault,) = ask_one(tmp_path, f"{IMPORTS}{source}\n{HELLO}", 10).faults
    assert "a.log alone" in fault.seen
    assert not fault.is_warning
    assert fault.where is not None


NO_FILES = {
    "standard output": "logging.basicConfig(filename='/dev/stdout')",
    "of process 1": "logging.getLogger('x').addHandler(FileHandler('/proc/1/fd/1', delay=True))",
    "nothing": "logging.basicConfig(filename='/dev/null')",
    "link to standard output": (
        "import os\nos.symlink('/dev/stdout', 'app.log')\nlogging.basicConfig(filename='app.log')"
    ),
    "pipe": (
        "import os\nos.mkfifo('pipe')\nend = os.open('pipe', os.O_RDWR)\n"
        "logging.basicConfig(filename='pipe')"
    ),
    "console": "logging.basicConfig(stream=sys.stdout)",
    "loguru": "from loguru import logger\nlogger.add(sys.stdout)",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    NO_FILES.values(),
    ids=NO_FILES,
)
def test_what_is_no_file_on_a_disk_passes(tmp_path: Path, source: str) -> None:
    if "loguru" in source and importlib.util.find_spec("loguru") is None:
        pytest.skip("loguru is not installed")
    assert ask_one(tmp_path, f"{IMPORTS}{source}\n{HELLO}", 10).result is Result.PASS


@pytest.mark.slow
def test_files_of_gunicorn_are_named(tmp_path: Path) -> None:
    config = 'errorlog = "error.log"\ncapture_output = True\naccesslog = "/dev/stdout"\n'
    (tmp_path / "gunicorn.conf.py").write_text(config, encoding="utf-8")
    (fault,) = ask_one(tmp_path, HELLO, 10, config="gunicorn.conf.py").faults
    assert "errorlog, with standard output by capture_output, writes to the file" in fault.seen
    assert fault.where == "gunicorn.conf.py:1"
    assert not (tmp_path / "error.log").exists()
