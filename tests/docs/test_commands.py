"""Each command of the documentation runs as it is written, but for the port and the process ID."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import PAGES, ROOT, blocks, commands
from tests.gunicorn.serving import bare, boots
from tests.jobs.redis_server import redis_server
from tests.logreader.log_lines import FAILED_REQUEST, ID, OTHER_ID
from tests.support import PATIENCE, Server, eventually, running, strict_json

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent
OTHER_SERVERS = r"(waitress-serve|uwsgi|granian) "
# Other servers, other settings, what a Django project is made for, and a server to command.
SLOW = rf"{OTHER_SERVERS}|wsgi-observe (drain|stuck) "
SLOW += r"|wsgi-observe demo|wsgi-observe doctor --observed"  # and what other tests run
SLOW += r"|(WSGI_OBSERVE_\w+=\S+ )+gunicorn |gunicorn .* mysite"
# What is typed beside the services is run in `test_services`, in its order.
START_OF_SERVICES = r"pip install |wsgi-observe demo "
COMMANDS = [
    pytest.param(command, marks=[pytest.mark.slow] if re.match(SLOW, command) else [])
    for command in sorted(
        {
            command
            for page in PAGES
            for command in commands(page)
            if page != "services" or re.match(START_OF_SERVICES, command)
        }
    )
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the commands are typed: beside the apps that they name."""
    (tmp_path / "shop.py").write_text((ROOT / "tests/docs/shop.py").read_text(encoding="utf-8"))
    (served,) = [text for text in blocks("servers", "python") if "# application.py" in text]
    (tmp_path / "application.py").write_text(served)
    return tmp_path


def gunicorn(command: str, folder: Path) -> None:
    environment, options, app = _split(command)
    if app.startswith("mysite"):
        made = [sys.executable, "-m", "django", "startproject", "mysite", str(folder)]
        subprocess.run(made, check=True, timeout=PATIENCE)
    path = environment.get("WSGI_OBSERVE_RECORDER_PATH")
    if path is not None:
        environment["WSGI_OBSERVE_RECORDER_PATH"] = str(folder / Path(path).name)
    if "WSGI_OBSERVE_DRAIN_SECONDS" in environment:
        environment["WSGI_OBSERVE_DRAIN_SECONDS"] = "0.1"
    with bare(*options, app=app, env=environment, cwd=folder) as server:
        server.wait_for(lambda: boots(server))
        serves(server)
        (boot,) = boots(server)
        assert [name for name in environment if name[13:].lower() not in boot["settings"]] == []
        live = environment.get("WSGI_OBSERVE_LIVE_PATH", "/health")
        ready = environment.get("WSGI_OBSERVE_READY_PATH", "/ready")
        assert [server.get(path).status for path in (live, ready)] == [200, 200]


def _split(command: str) -> tuple[dict[str, str], list[str], str]:
    words = shlex.split(command)
    at = words.index("gunicorn")
    pairs = [word.split("=", 1) for word in words[:at]]
    return dict(pairs), words[at + 1 : -1], words[-1]


def other_server(command: str, folder: Path) -> None:
    name, *options = shlex.split(re.sub(r"(?<=127\.0\.0\.1:)8000", "0", command))
    if name == "granian":  # it does not say which free port it took
        options = [_free_port() if option == "8000" else option for option in options]
    with running(str(BIN / name), *options, cwd=folder) as server:
        eventually(lambda: listens(server.port))
        serves(server)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def serves(server: Server) -> None:
    answer = server.get("/", {"X-Request-ID": "typed"})
    assert answer.headers["X-Request-ID"] == "typed"
    (access,) = [line for line in server.log_of("typed") if line["logger"] == "wsgi_observe.access"]
    assert access["status_code"] == answer.status < 500


@contextmanager
def shop(folder: Path) -> Iterator[Server]:
    with bare("--logger-class", "wsgi_observe.gunicorn.Logger", app="shop:app", cwd=folder) as it:
        it.wait_for(lambda: boots(it))
        yield it


def our_command(command: str, folder: Path) -> None:
    name, *arguments, pid = shlex.split(command)
    assert (name, pid) == ("wsgi-observe", "1")  # a container's first process
    with shop(folder) as server:
        arguments = ["0.1" if argument == "20" else argument for argument in arguments]
        states = ["ok"]
        for typed in (["drain", "--seconds", "0.1"], arguments):  # so that `--undo` undoes it
            subprocess.run(
                [str(BIN / name), *typed, str(server.process.pid)],
                check=True,
                timeout=PATIENCE,
                stdout=subprocess.DEVNULL,
            )
            states.append(server.get("/ready").json["status"])
        assert states == ["ok", "draining", "ok" if "--undo" in arguments else "draining"]


def our_demo(command: str, folder: Path) -> None:
    with running(
        str(BIN / "wsgi-observe"),
        *shlex.split(command)[1:],
        "--port",
        "0",
        env={"TMPDIR": str(folder)},
    ) as server:
        assert server.get("/orders").status == 200


def lnav(command: str, folder: Path) -> None:
    """A command of the page on lnav, in a home directory of its own."""
    path = f"{BIN}:{os.environ['PATH']}"
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": "", "PATH": path}
    log_lines = [sys.executable, "-m", "tests.cli.logging_app", str(folder / "shop.log")]
    subprocess.run(log_lines, check=True, timeout=PATIENCE, cwd=ROOT)

    def run(command: str) -> str:
        return subprocess.run(
            ["sh", "-c", command], check=True, timeout=PATIENCE,
            capture_output=True, text=True, cwd=folder, env=environment,
        ).stdout  # fmt: skip

    if command.startswith("grep "):  # which is for this
        text = (folder / "shop.log").read_text()
        (folder / "shop.log").write_text(f"one\ntwo\nthree\n{text}")
    installed = run("wsgi-observe lnav --install")
    if command.startswith("wsgi-observe "):
        assert run(command) == installed.replace("was written; now run: lnav FILE", "is up to date")
    elif not shutil.which("lnav"):
        pytest.skip("lnav is not installed")
    else:
        assert "\n  exc_info: RuntimeError: no charges\n" in run(f"{command} -n")


def log_command(command: str, folder: Path) -> None:
    """Run a command that reads a log, whose lines `kubectl` or Docker would pipe into it."""
    others = [line.replace(ID, OTHER_ID).replace("/crash", "/orders/7") for line in FAILED_REQUEST]
    lines = [line.replace('"pid":7', '"pid":7,"release":"1.4.2"') for line in others]
    (folder / "shop.log").write_text("\n".join([*FAILED_REQUEST, *lines, ""]))
    typed = command.rpartition(" | ")[2]
    name, subcommand, *arguments = shlex.split(typed)
    follows = subcommand == "tail" and "shop.log" in arguments and "--no-follow" not in arguments
    with (folder / "shop.log").open() as log, subprocess.Popen(
        [str(BIN / name), subcommand, *arguments],
        cwd=folder, stdin=log, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        if follows:
            assert "GET /orders/7 500" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
        found, _ = process.communicate(timeout=PATIENCE)
    page = folder / arguments[-1] if "--html" in arguments else None
    shown = page.read_text() if page else found
    has_errors = re.search(r" groups? \(|^\{|\d errors? in ", shown) is not None
    assert process.returncode == (130 if follows else int(subcommand == "errors" and has_errors))
    assert shown or follows or "--json" in arguments


def our_doctor(command: str, folder: Path) -> None:
    done = subprocess.run(
        [BIN / "wsgi-observe", *shlex.split(command)[1:]],
        cwd=folder, timeout=PATIENCE, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.stderr, done.returncode in (0, 1)) == ("", True)
    assert re.search(r"\d+ of \d+ passed", done.stdout)


def test_the_story_of_the_page_is_the_one_that_is_printed(folder: Path) -> None:
    command, *_ = commands("trace")
    (folder / "shop.log").write_text("".join(f"{line}\n" for line in FAILED_REQUEST))
    printed = subprocess.run(
        [BIN / "wsgi-observe", *shlex.split(command)[1:]],
        cwd=folder, env=os.environ | {"COLUMNS": ""}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert printed.stdout == blocks("trace", "text")[0]


def curl(command: str, folder: Path) -> None:
    headers, path = re.findall(r'-H "(.*?): (.*?)"', command), command.partition(":8000")[2]
    with shop(folder) as server:
        answer = server.get(path, dict(headers))
        (example,) = blocks("getting-started", "json")
        assert answer.body.decode() == example


def rq_worker(command: str, folder: Path) -> None:
    pytest.importorskip("rq")
    with redis_server(folder) as url:
        typed = [str(BIN / "rq"), *shlex.split(command)[1:], "--burst", "--url", url]
        done = subprocess.run(typed, check=True, timeout=PATIENCE, capture_output=True, text=True)
    assert "quitting" in strict_json(done.stdout.splitlines()[-2])["message"]


def pip(command: str, folder: Path) -> None:
    (name, extras) = re.fullmatch(r"pip install ([\w-]+)(?:\[(.*)\])?", command).groups("")  # type: ignore[union-attr]
    assert name == PROJECT["project"]["name"]
    assert (
        set(filter(None, extras.split(","))) <= PROJECT["project"]["optional-dependencies"].keys()
    )


def python(command: str, folder: Path) -> None:
    made = subprocess.run(
        [sys.executable, *shlex.split(command)[1:]],
        check=True, timeout=PATIENCE, capture_output=True, text=True,
    )  # fmt: skip
    assert len(made.stdout.strip()) >= 32


def of_a_checkout(command: str, folder: Path) -> None:
    """Commands that install or test all of it: `.ci/run` does the same, or its parts are here."""
    for group in re.findall(r"--group (\w+)", command):
        assert group in PROJECT["dependency-groups"]
    for extra in re.findall(r"'\.\[(\w+)\]'", command):
        assert extra in PROJECT["project"]["optional-dependencies"]
    for module in re.findall(r"-m (benchmarks[\w.]*)", command):
        assert find_spec(module) is not None
    for path in re.findall(r"pytest.* (tests/\S+)", command):
        assert (ROOT / path).exists()
    for program in re.findall(r"\.venv/bin/([\w-]+)", command):
        assert (BIN / program).exists()


WAYS: tuple[tuple[str, Callable[[str, Path], Any]], ...] = (
    (r"(WSGI_OBSERVE_\w+=\S+ )*gunicorn ", gunicorn),
    (OTHER_SERVERS, other_server),
    (r"rq worker ", rq_worker),
    (r"wsgi-observe (drain|stuck) ", our_command),
    (r"wsgi-observe demo", our_demo),
    (r"wsgi-observe doctor ", our_doctor),
    (r"wsgi-observe lnav |(grep .* \| )?lnav\b", lnav),
    (r"((kubectl|docker) logs .* \| )?wsgi-observe (trace|errors|tail)\b", log_command),
    (r"curl -i ", curl),
    (r"pip install ", pip),
    (r"python -c ", python),
    (r"(python3 -m venv )?\.venv", of_a_checkout),
)


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_runs(command: str, folder: Path) -> None:
    (run,) = [run for pattern, run in WAYS if re.match(pattern, command)]
    run(command, folder)


def test_the_commands_of_the_readme_that_ci_runs_are_where_it_looks() -> None:
    demo, tests, *_ = blocks("README", "console")
    assert demo.strip().endswith(".venv/bin/wsgi-observe demo")
    assert tests.strip().endswith(".venv/bin/pytest")


def test_the_programs_of_the_contributors_page_are_what_ci_runs() -> None:
    programs = re.findall(r"\.venv/bin/([\w-]+)", PAGES["contributing"])
    known = {"pip", "python"}
    assert {program for program in programs if f"bin/{program}" not in CI} <= known
