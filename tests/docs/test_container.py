"""The recipe for a container: each of its parts is read, and its command runs."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from gunicorn.config import Config

from tests.docs.pages import blocks
from tests.support import PATIENCE, running
from wsgi_observe import Settings

DOCKERFILE, POD_YAML, TASK_JSON = (
    text for name in ("dockerfile", "yaml", "json") for text in blocks("containers", name)
)
INSTRUCTIONS = [tuple(line.split(" ", 1)) for line in DOCKERFILE.splitlines()]
POD = yaml.safe_load(POD_YAML)["spec"]["template"]["spec"]
TASK = json.loads(TASK_JSON)
(CONTAINER,) = POD["containers"]
(TASK_CONTAINER,) = TASK["containerDefinitions"]
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def said(instruction: str) -> str:
    """Return what the image's one instruction of this name says."""
    (said,) = [rest for name, rest in INSTRUCTIONS if name == instruction]
    return said


COMMAND: list[str] = json.loads(said("CMD"))
ENVIRONMENT = dict(part.split("=", 1) for part in shlex.split(said("ENV")))
DRAIN_SECONDS = float(ENVIRONMENT["WSGI_OBSERVE_DRAIN_SECONDS"])


@pytest.fixture(scope="module")
def options() -> Any:
    """What Gunicorn understands of the command."""
    assert COMMAND[0] == "gunicorn"
    return Config().parser().parse_args(COMMAND[1:])


def test_the_image_is_made_of_instructions_that_there_are() -> None:
    names = [name for name, _ in INSTRUCTIONS]
    assert set(names) <= {"FROM", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "ENV", "CMD"}
    assert (names[0], names[-1]) == ("FROM", "CMD")
    version = said("FROM").removeprefix("python:").removesuffix("-slim")
    assert tuple(map(int, version.split("."))) >= (3, 11)


def test_nobody_is_root_anywhere() -> None:
    user = said("USER")
    assert int(user) > 0
    assert POD["securityContext"] == {"runAsNonRoot": True, "runAsUser": int(user)}
    assert TASK_CONTAINER["user"] == user


def test_everybody_means_the_same_port(options: Any) -> None:
    port = int(said("EXPOSE"))
    assert options.bind == [f"0.0.0.0:{port}"]
    assert CONTAINER["ports"] == TASK_CONTAINER["portMappings"] == [{"containerPort": port}]
    assert {CONTAINER[probe]["httpGet"]["port"] for probe in PROBES} == {port}
    assert f"127.0.0.1:{port}/" in TASK_CONTAINER["healthCheck"]["command"][-1]


def test_the_graces_fit_each_other(options: Any) -> None:
    ending = DRAIN_SECONDS + options.graceful_timeout
    # Each counts from the first step: a hook's seconds are part of a pod's.
    assert ending < POD["terminationGracePeriodSeconds"]
    assert ending < TASK_CONTAINER["stopTimeout"] <= 120  # the most on Fargate
    probe = CONTAINER["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] <= DRAIN_SECONDS
    command = CONTAINER["lifecycle"]["preStop"]["exec"]["command"]
    assert command == ["wsgi-observe", "drain"]


def test_the_probes_of_a_pod_ask_what_is_answered_and_wait_long_enough() -> None:
    defaults = Settings()
    assert [CONTAINER[probe]["httpGet"]["path"] for probe in PROBES] == [
        *(defaults.live_path, defaults.live_path, defaults.ready_path),
    ]
    for probe in PROBES:
        timeout = CONTAINER[probe]["timeoutSeconds"]
        assert defaults.check_timeout < timeout < CONTAINER[probe]["periodSeconds"]
    startup, liveness = CONTAINER["startupProbe"], CONTAINER["livenessProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= liveness["periodSeconds"]


def test_the_health_check_of_a_task_asks_for_liveness() -> None:
    check = TASK_CONTAINER["healthCheck"]
    kind, program, option, code = check["command"]
    assert (kind, program, option) == ("CMD", "python", "-c")
    assert f"{Settings().live_path}'" in code
    assert Settings().check_timeout < check["timeout"] < check["interval"]
    assert TASK["networkMode"] == "awsvpc"  # Fargate has no other
    assert TASK["requiresCompatibilities"] == ["FARGATE"]


def test_the_command_runs_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "from flask import Flask\n\napp = Flask('shop')\napp.get('/')(lambda: 'hello')\n"
    )
    directory = Path(sys.executable).parent
    bind = next(part for part in COMMAND if part.startswith("--bind="))
    command = [part if part != bind else "--bind=127.0.0.1:0" for part in COMMAND]
    environment = {**ENVIRONMENT, "WSGI_OBSERVE_DRAIN_SECONDS": "0.2"}
    with running(str(directory / command[0]), *command[1:], cwd=tmp_path, env=environment) as shop:
        assert shop.get("/health").status == shop.get("/ready").status == 200
        assert shop.get("/", {"X-Request-ID": "first"}).body == b"hello"
        assert shop.log_of("first")[-1]["service"] == "shop"
        code = TASK_CONTAINER["healthCheck"]["command"][-1].replace(":8000/", f":{shop.port}/")
        for asked in (
            (sys.executable, "-c", code),
            (str(directory / "wsgi-observe"), "drain", str(shop.process.pid)),
        ):
            subprocess.run(asked, check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)
        assert shop.stop() == 0
