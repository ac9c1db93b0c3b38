"""Flask's own tests, run bare and observed: what they pass bare, they pass observed."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.support import strict_json

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
RESULTS, OUTPUT = "results.json", "output.txt"

# It asserts that an app is freed at once, which any `app.wsgi_app = …` makes impossible: the app
# then holds the middleware, and that the app.
FREED_AT_ONCE = {"tests/test_basic.py::test_app_freed_on_zero_refcount"}

# It asserts that a view's own `raise KeyboardInterrupt` reaches the server. Here it is a failure of
# its request like any other, which ends no worker; a real SIGINT is let through.
ENDS_THE_SERVER = {"tests/test_basic.py::test_baseexception_error_handling"}

pytestmark = pytest.mark.slow  # each way is another run of all their tests

WAYS = ["stack", "stack_twice", "strangers_between"]


@dataclass(frozen=True, repr=False)
class Run:
    """One run of Flask's tests."""

    passed: set[str]
    requests: int
    log: list[dict[str, Any]]
    output: str


Runner = Callable[..., Run]


@pytest.fixture(scope="module")
def run(flask_source: Path, shared: Path) -> Runner:
    @cache
    def run_once(*options: str) -> Run:
        place = shared / ("run" + "".join(options))
        with only_one(place) as is_first:
            if is_first:
                run_flasks_tests(flask_source, place, options)
            return read_run(place)

    return run_once


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run of our tests have in common."""
    own = tmp_path_factory.getbasetemp()
    folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    (folder / "flask_suite").mkdir(exist_ok=True)
    return folder / "flask_suite"


@contextmanager
def only_one(place: Path) -> Iterator[bool]:
    """Let nobody else in; tell whether nobody has been, and the folder is still to be filled."""
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_first = not place.exists()
        place.mkdir(exist_ok=True)
        yield is_first


@pytest.fixture(scope="module")
def flask_source(shared: Path) -> Path:
    """The source of the Flask that is installed, which has the tests."""
    place = shared / "source"
    with only_one(place) as is_first:
        if is_first:
            fetch(place)
    tests = next(place.glob("flask-*/tests"), None)
    return tests.parent if tests else cannot_run(f"no tests of Flask {version('flask')}")


def fetch(place: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary=flask"]
    wanted = f"flask=={version('flask')}"
    download = subprocess.run([*pip, f"--dest={place}", wanted], capture_output=True, text=True)
    if download.returncode:
        cannot_run(f"pip could not download the source of {wanted}: {download.stderr.strip()}")
    [archive] = place.glob("flask-*.tar.gz")
    # Python 3.11.0 to 3.11.3 know no filters; 3.12 and 3.13 warn without one.
    safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    shutil.unpack_archive(archive, place, **safely)


def cannot_run(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def run_flasks_tests(source: Path, place: Path, options: tuple[str, ...]) -> None:
    plugins = ["-p", "observing", "-p", "no:cacheprovider"]
    places = [f"--results={place / RESULTS}", f"--basetemp={place / 'tmp'}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, *places, *options, "tests"],
        cwd=source,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
            # Nothing that is installed here may change their order or their number.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "",
            "PYTHONHASHSEED": "0",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr  # 1: some test failed
    (place / OUTPUT).write_text(done.stdout + done.stderr, "utf-8")


def read_run(place: Path) -> Run:
    output = (place / OUTPUT).read_text("utf-8")
    found = json.loads((place / RESULTS).read_text("utf-8"))
    return Run(
        set(found["passed"]) - set(found["failed"]),
        found["requests"],
        [strict_json(line) for line in found["lines"]],
        output,
    )


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--way=stack",), id="stack"),
        pytest.param(("--way=stack", "--closing"), id="stack-closing"),
        pytest.param(("--way=stack_twice", "--closing"), id="twice-closing"),
        pytest.param(("--way=strangers_between", "--closing"), id="strangers-closing"),
        pytest.param(("--way=extension",), id="extension"),
        pytest.param(("--way=extension", "--closing"), id="extension-closing"),
    ],
)
def test_what_they_pass_bare_they_pass_observed(run: Runner, options: tuple[str, ...]) -> None:
    bare, observed = run(*options[1:]), run(*options)
    assert len(bare.passed) > 400, bare.output
    lost = bare.passed - observed.passed - FREED_AT_ONCE - ENDS_THE_SERVER
    assert not lost, observed.output


def test_they_notice_when_an_exception_is_answered_that_flask_raises_on(run: Runner) -> None:
    missed = run().passed - run("--way=without_flasks_rule").passed
    assert "tests/test_basic.py::test_exception_propagation[TESTING]" in missed


@pytest.mark.parametrize("way", WAYS)
def test_each_of_their_requests_has_one_access_line(run: Runner, way: str) -> None:
    observed = run(f"--way={way}", "--closing")
    ids = [line["request_id"] for line in observed.log if line["logger"] == "wsgi_observe.access"]
    assert len(ids) == len(set(ids)) == observed.requests
    assert observed.requests > 400


@pytest.mark.parametrize("way", WAYS)
def test_no_part_of_ours_fails_in_them(run: Runner, way: str) -> None:
    loud = [line for line in run(f"--way={way}", "--closing").log if line["level"] != "INFO"]
    # Flask's own ERROR lines go where its tests look: of those only a 5xx's access line tells here.
    failures = [line for line in loud if line.get("status_code", 0) < 500]
    assert [line for line in failures if line.get("exc_type") != "KeyboardInterrupt"] == []
