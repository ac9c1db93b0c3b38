"""Deployments with one planted fault: it is named, with its place, and nothing else is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.doctor.deployment.deployments import (
    COMPOSED,
    ECS,
    IMAGE,
    KUBERNETES,
    SYSTEMD,
    changed,
    faults_of,
)

CONFIG, MANIFEST, NGINX = "gunicorn.conf.py", "deploy/shop.yaml", "nginx.conf"
DOCKERFILE, COMPOSE, TASK, UNIT = "Dockerfile", "compose.yaml", "task.json", "etc/shop.service"
CMD = '["gunicorn", "--threads=4", "-c", "gunicorn.conf.py", "shop:app"]'
SHELL = "gunicorn --threads=4 -c gunicorn.conf.py shop:app"
FAIL, WARN = False, True

# Question, whether it is a warning, the files, the file to change, the text, what it becomes, and
# a text of the line that is named (of what is planted, unless it is given).
PLANTED: dict[str, tuple[int, bool, Mapping[str, str], str, str, str, str]] = {
    "a sync worker without a timeout": (
        *(13, WARN, IMAGE, DOCKERFILE, '"--threads=4"', '"--timeout=0"'),
        "--timeout=0",
    ),
    "a sync worker that works longer than nginx waits": (
        *(13, WARN, COMPOSED, DOCKERFILE, '"--threads=4"', '"--timeout", "90"'),
        '"90"',
    ),
    "a keepalive that is shorter than the ALB's": (
        *(14, FAIL, KUBERNETES, CONFIG, "60 + 15", "65"),
        "keepalive = 65",
    ),
    "the default keepalive behind an ALB": (
        *(14, FAIL, KUBERNETES, CONFIG, "keepalive = 60 + 15\n", "\n"),
        "Dockerfile: CMD",
    ),
    "an idle timeout of the ALB that was raised": (
        *(14, FAIL, KUBERNETES, MANIFEST, "timeout_seconds=70", "timeout_seconds=75"),
        "gunicorn.conf.py: keepalive",
    ),
    "a keepalive on the command line": (
        *(14, WARN, COMPOSED, DOCKERFILE, '"--threads=4"', '"--threads=4", "--keep-alive", "5"'),
        "--keep-alive",
    ),
    "a keepalive in GUNICORN_CMD_ARGS": (
        *(14, FAIL, KUBERNETES, DOCKERFILE, "ENV PYTHONUNBUFFERED=1"),
        'ENV PYTHONUNBUFFERED=1 GUNICORN_CMD_ARGS="--keep-alive=5 -w4"',
        "GUNICORN_CMD_ARGS",
    ),
    "a graceful timeout beyond the pod's": (
        *(15, FAIL, KUBERNETES, CONFIG, "graceful_timeout = 20", "graceful_timeout = 36"),
        "deploy/shop.yaml: terminationGrace",
    ),
    "a preStop hook that takes the time": (
        *(15, FAIL, KUBERNETES, MANIFEST, '[sleep, "5"]', '[sh, -c, "sleep 25"]'),
        "terminationGrace",
    ),
    "a default grace period of Compose": (
        *(15, FAIL, COMPOSED, COMPOSE, "stop_grace_period: 1m", "init: false"),
        "gunicorn.conf.py: graceful",
    ),
    "a stopTimeout that is too short": (
        *(15, FAIL, ECS, TASK, '"stopTimeout": 60', '"stopTimeout": 10'),
        '"stopTimeout": 10',
    ),
    "the unit of Gunicorn's documentation": (
        *(15, FAIL, SYSTEMD, UNIT, "TimeoutStopSec=30", "TimeoutStopSec=5"),
        "TimeoutStopSec=5",
    ),
    "a drain that is not in the grace period": (
        *(15, FAIL, KUBERNETES, DOCKERFILE, CMD),
        CMD.replace('"shop', '"--logger-class=wsgi_observe.gunicorn.Logger", "shop')
        + "\nENV WSGI_OBSERVE_DRAIN_SECONDS=20 WSGI_OBSERVE_TRUSTED_PROXIES=1",
        "deploy/shop.yaml: terminationGrace",
    ),
    "heartbeats on the disk": (
        *(16, WARN, ECS, CONFIG, 'worker_tmp_dir = "/dev/shm"\n', ""),
        "Dockerfile: CMD",
    ),
    "a read-only file system without a place for heartbeats": (
        *(16, FAIL, {**ECS, CONFIG: ECS[CONFIG].replace('worker_tmp_dir = "/dev/shm"\n', "")}),
        *(TASK, '"stopTimeout": 60', '"readonlyRootFilesystem": true, "stopTimeout": 60'),
        "readonlyRoot",
    ),
    "an ALB that is not trusted": (
        *(17, WARN, KUBERNETES, CONFIG, 'forwarded_allow_ips = "*"\n', ""),
        "Dockerfile: CMD",
    ),
    "every proxy is trusted on a public port": (
        *(17, WARN, KUBERNETES, MANIFEST, "  ports:\n    - {port: 80"),
        "  type: LoadBalancer\n  ports:\n    - {port: 80",
        "gunicorn.conf.py: forwarded",
    ),
    "every address is a trusted proxy": (
        *(17, FAIL, KUBERNETES, DOCKERFILE, "ENV PYTHONUNBUFFERED=1"),
        "ENV PYTHONUNBUFFERED=1 \\\n    WSGI_OBSERVE_TRUSTED_PROXIES=10.0.0.0/8,0.0.0.0/0",
        "ENV PYTHON",
    ),
    "a command in shell form": (18, FAIL, IMAGE, DOCKERFILE, CMD, SHELL, "CMD gunicorn"),
    "a shell that migrates first": (
        *(18, FAIL, IMAGE, DOCKERFILE, CMD, f'["sh", "-c", "flask db upgrade && {SHELL}"]'),
        "CMD",
    ),
    "a pipeline": (18, FAIL, IMAGE, DOCKERFILE, CMD, f"exec {SHELL} 2>&1 | tee log", "CMD exec"),
    "a shell that is not dash": (
        *(18, WARN, {**IMAGE, DOCKERFILE: IMAGE[DOCKERFILE].replace("-slim", "-alpine")}),
        *(DOCKERFILE, CMD, SHELL, "CMD"),
    ),
    "a shell that goes on": (
        *(18, FAIL, {**IMAGE, DOCKERFILE: IMAGE[DOCKERFILE].replace("-slim", "-alpine")}),
        *(DOCKERFILE, CMD, f'["bash", "-c", "{SHELL}; echo bye"]', "CMD"),
    ),
    "a manifest in JSON": (
        *(18, FAIL, {"pod.json": '{"apiVersion":"v1","kind":"Pod","spec":{"containers":[C]}}'}),
        *("pod.json", "C"),
        '{"image":"a",\n"command":["gunicorn","--daemon","-b:80","--worker-tmp-dir=/dev/shm",'
        '"--graceful-timeout=9","a:b"]}',
        "command",
    ),
    "a shell in a manifest": (
        *(18, FAIL, KUBERNETES, MANIFEST, "          ports:\n            -"),
        f'          command: ["/bin/sh", "-c"]\n          args: ["{SHELL}"]\n'
        "          ports:\n            -",
        "args:",
    ),
    "an entry point without exec": (
        *(
            18,
            FAIL,
            {**IMAGE, "start.sh": f"#!/bin/sh\nset -e\nflask db upgrade\n{SHELL} \\\n -w 2\n"},
        ),
        *(DOCKERFILE, CMD, '["/srv/start.sh"]', "start.sh: gunicorn"),
    ),
    'an entry point with "$@" without exec': (
        *(18, FAIL, {**IMAGE, "docker/entrypoint.sh": '#!/bin/bash\nmigrate || true\n"$@"\n'}),
        *(DOCKERFILE, "EXPOSE 8000", 'EXPOSE 8000\nENTRYPOINT ["/entrypoint.sh"]'),
        'docker/entrypoint.sh: "$@"',
    ),
    "tini before a shell": (
        *(18, FAIL, IMAGE, DOCKERFILE, CMD, f'["tini", "--", "sh", "-c", "{SHELL}"]'),
        "CMD",
    ),
    "single quotes": (18, FAIL, IMAGE, DOCKERFILE, CMD, CMD.replace('"', "'"), "CMD"),
    "a daemon": (18, FAIL, IMAGE, CONFIG, "keepalive", "daemon = True\nkeepalive", "daemon"),
    "a stop signal that cuts requests": (
        *(18, FAIL, IMAGE, DOCKERFILE, "EXPOSE 8000", "EXPOSE 8000\nSTOPSIGNAL SIGINT"),
        "STOPSIGNAL",
    ),
    "uWSGI that reloads at SIGTERM": (
        *(
            18,
            FAIL,
            IMAGE,
            DOCKERFILE,
            CMD,
            '["uwsgi", "--master", "--http", ":8000", "--wsgi", "shop:app"]',
        ),
        "CMD",
    ),
    "buffered output": (
        *(19, WARN, IMAGE, DOCKERFILE, "ENV PYTHONUNBUFFERED=1", "ENV TZ=UTC"),
        "Dockerfile",
    ),
    "output that is buffered again": (
        *(
            19,
            WARN,
            COMPOSED,
            COMPOSE,
            "    stop_grace",
            "    environment: [PYTHONUNBUFFERED=]\n    stop_grace",
        ),
        "environment:",
    ),
    "liveness that runs the checks": (
        *(20, WARN, KUBERNETES, MANIFEST, "path: /health, port: http}\n            timeout"),
        "path: /ready, port: http}\n            timeout",
        "livenessProbe",
    ),
    "one path for both": (
        *(20, WARN, KUBERNETES, MANIFEST, "path: /ready", "path: /health"),
        "readinessProbe",
    ),
    "no readiness": (
        *(20, WARN, KUBERNETES, MANIFEST, "readinessProbe", "otherProbe"),
        "- name: shop",
    ),
    "readiness that only connects": (
        *(20, WARN, KUBERNETES, MANIFEST, "httpGet: {path: /ready, port: 8000}"),
        "tcpSocket: {port: 8000}",
        "readinessProbe",
    ),
    "a liveness probe that may fail once": (
        *(20, WARN, KUBERNETES, MANIFEST, "            timeoutSeconds: 2\n          readiness"),
        "            failureThreshold: 1\n          readiness",
        "failureThreshold",
    ),
    "no time to boot": (
        *(
            20,
            WARN,
            KUBERNETES,
            MANIFEST,
            "startupProbe:\n            httpGet: {path: /health, port: http}\n"
            "          livenessProbe:",
        ),
        "livenessProbe:\n            initialDelaySeconds: 2\n            periodSeconds: 2",
        "livenessProbe",
    ),
    "a probe that is shorter than a check": (
        *(
            20,
            FAIL,
            KUBERNETES,
            DOCKERFILE,
            "ENV PYTHON",
            "ENV WSGI_OBSERVE_CHECK_TIMEOUT=2.5 PYTHON",
        ),
        "deploy/shop.yaml: port: 8000}\n            timeoutSeconds",
    ),
    "a health check of ECS that runs the checks": (
        *(20, WARN, ECS, TASK, "8000/health", "8000/ready"),
        '"healthCheck"',
    ),
    "a health check by a program that is not there": (
        *(
            20,
            FAIL,
            COMPOSED,
            COMPOSE,
            """["CMD", "python", "-c", "import urllib.request as r; r.urlopen('http://localhost:8000/health')"]""",
        ),
        "curl -f http://localhost:8000/health || exit 1",
        "test:",
    ),
    "curl without -f": (
        *(20, FAIL, {**ECS, DOCKERFILE: ECS[DOCKERFILE].replace("-slim", "")}, TASK),
        """"CMD-SHELL", "python -c \\"import urllib.request as r; r.urlopen('http://localhost:8000/health')\\"\"""",
        '"CMD-SHELL", "curl -s http://localhost:8000/health || exit 1"',
        "curl",
    ),
    "a unit without KillMode": (21, WARN, SYSTEMD, UNIT, "KillMode=mixed\n", "", "ExecStart"),
    "a drain without KillMode": (
        *(21, FAIL, SYSTEMD, UNIT, "--graceful-timeout 20 \\\n    shop:app\nKillMode=mixed"),
        "--graceful-timeout 9 --logger-class wsgi_observe.gunicorn.Logger \\\n    shop:app\n"
        "Environment=WSGI_OBSERVE_DRAIN_SECONDS=10",
        "ExecStart",
    ),
    "a unit that waits for a fork": (
        *(21, FAIL, SYSTEMD, UNIT, "Type=notify", "Type=forking"),
        "Type=",
    ),
    "a daemon in a unit": (21, FAIL, SYSTEMD, UNIT, "--bind", "--daemon --bind", "ExecStart"),
    "waitress, which does not notify": (
        *(21, FAIL, SYSTEMD, UNIT),
        "/srv/venv/bin/gunicorn \\\n    --bind unix:/run/shop.sock \\\n"
        "    --graceful-timeout 20 \\\n",
        "/srv/venv/bin/waitress-serve --port=8000 ",
        "Type=notify",
    ),
    "output to nowhere": (
        *(21, FAIL, SYSTEMD, UNIT, "Restart=", "StandardOutput=null\nRestart="),
        "StandardOutput",
    ),
    "output to a file": (
        *(21, WARN, SYSTEMD, UNIT, "Restart=", "StandardError=append:/var/log/x\nRestart="),
        "StandardError",
    ),
    "a unit that is not restarted": (
        *(21, WARN, SYSTEMD, UNIT, "Restart=on-failure\n", ""),
        "ExecStart",
    ),
    "a watchdog that is not fed": (
        *(21, FAIL, SYSTEMD, UNIT, "Restart=", "WatchdogSec=30\nRestart="),
        "WatchdogSec",
    ),
    "a unit whose stop cuts requests": (
        *(21, FAIL, SYSTEMD, UNIT, "Restart=", "KillSignal=SIGQUIT\nRestart="),
        "KillSignal",
    ),
    "log files in a container": (
        *(
            22,
            WARN,
            IMAGE,
            DOCKERFILE,
            '"--threads=4"',
            '"--threads=4", "--log-file=/var/log/shop"',
        ),
        "CMD",
    ),
    "lines that Docker cuts": (
        *(
            22,
            FAIL,
            IMAGE,
            DOCKERFILE,
            "ENV PYTHON",
            "ENV WSGI_OBSERVE_MAX_LINE_BYTES=65536 PYTHON",
        ),
        "ENV",
    ),
    "log files that are never rotated": (
        *(
            22,
            WARN,
            COMPOSED,
            COMPOSE,
            "    build: .\n    stop",
            "    build: .\n    logging: {driver: json-file}\n    stop",
        ),
        "logging: {",
    ),
    "the default log driver of a service that is meant to last": (
        *(
            22,
            WARN,
            COMPOSED,
            COMPOSE,
            "    <<: *defaults\n    build: .\n    stop",
            "    restart: always\n    build: .\n    stop",
        ),
        "web:",
    ),
    "a log driver that blocks": (
        *(
            22,
            WARN,
            COMPOSED,
            COMPOSE,
            "    build: .\n    stop",
            "    build: .\n    logging: {driver: fluentd, options: {tag: a}}\n    stop",
        ),
        "logging: {",
    ),
    "no log driver": (
        *(
            22,
            FAIL,
            COMPOSED,
            COMPOSE,
            "    build: .\n    stop",
            "    build: .\n    logging: {driver: none}\n    stop",
        ),
        "logging: {",
    ),
    "a task of Fargate without logs": (
        *(22, FAIL, ECS, TASK, '"logConfiguration"', '"oldConfiguration"'),
        '"containerDefinitions": [\n    {',
    ),
    "a stream that Fargate cannot name": (
        *(22, FAIL, ECS, TASK, ', "awslogs-stream-prefix": "shop"', ""),
        '"logConfiguration"',
    ),
    "a log driver that is set to block": (
        *(
            22,
            WARN,
            ECS,
            TASK,
            '"awslogs-group": "/shop"',
            '"mode": "blocking", "awslogs-group": "/shop"',
        ),
        '"mode"',
    ),
    "nothing before SIGTERM": (
        *(23, WARN, KUBERNETES, MANIFEST, "lifecycle", "lifecycles"),
        "- name: shop",
    ),
    "a drain of no seconds": (
        *(
            23,
            FAIL,
            {**KUBERNETES, CONFIG: KUBERNETES[CONFIG] + "from wsgi_observe.gunicorn import *\n"},
        ),
        *(
            MANIFEST,
            '[sleep, "5"]}}',
            "[wsgi-observe, drain]}}\n"
            "          env: [{name: WSGI_OBSERVE_TRUSTED_PROXIES, value: '1'}]",
        ),
        "preStop",
    ),
    "a drain that is not done": (
        *(23, FAIL, ECS, DOCKERFILE, "ENV PYTHON", "ENV WSGI_OBSERVE_DRAIN_SECONDS=5 PYTHON"),
        "ENV",
    ),
    "a port that only the container reaches": (
        *(24, FAIL, KUBERNETES, CONFIG, "0.0.0.0:8000", "127.0.0.1:8000"),
        "bind",
    ),
    "no bind": (24, WARN, IMAGE, CONFIG, 'bind = "0.0.0.0:8000"\n', "", "Dockerfile: CMD"),
    "a probe at another port": (
        *(24, FAIL, KUBERNETES, MANIFEST, "path: /ready, port: 8000", "path: /ready, port: 8080"),
        "readinessProbe:\n            httpGet",
    ),
    "a Service at another port": (
        *(24, FAIL, KUBERNETES, MANIFEST, "targetPort: http", "targetPort: 5000"),
        "targetPort",
    ),
    "a published port that is not served": (
        *(24, FAIL, ECS, TASK, '"containerPort": 8000', '"containerPort": 80'),
        "containerPort",
    ),
    "a manifest that is not YAML": (
        *(25, WARN, {**IMAGE, "deploy/x.yaml": "apiVersion: v1\nkind: Pod\nspec: {}\n"}),
        *("deploy/x.yaml", "spec: {}", "spec: {a: [}", "spec"),
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_named_and_nothing_else(name: str, tmp_path: Path) -> None:
    number, is_warning, files, changed_name, old, new, line = PLANTED[name]
    files = changed(files, changed_name, old, new)
    assert faults_of(tmp_path, files) == [(number, place(files, changed_name, line), is_warning)]


def place(files: Mapping[str, str], name: str, text: str) -> str:
    """Return `file:line` of the last line of a text, which may begin with another file's name."""
    for other in files:
        if text == other:
            return other
        if text.startswith(f"{other}: "):
            name, text = other, text.removeprefix(f"{other}: ")
    start = files[name].index(text)
    return f"{name}:{files[name].count(chr(10), 0, start + len(text)) + 1}"


@pytest.mark.parametrize(
    ("files", "facts", "expected"),
    [
        pytest.param(
            changed(IMAGE, DOCKERFILE, '"--threads=4", ', ""),
            {"max_check_timeout": 30.0},
            (13, "Dockerfile:10", FAIL),
            id="a check that may take as long as a sync worker",
        ),
        pytest.param(
            KUBERNETES,
            {"max_check_timeout": 2.0},
            (20, "deploy/shop.yaml:24", FAIL),
            id="a check that may take as long as the probe waits",
        ),
        pytest.param(
            changed(KUBERNETES, CONFIG, "60 + 15", "get_keepalive()"),
            {"settings": {"keepalive": 5}},
            (14, "Gunicorn's configuration of the app", FAIL),
            id="a setting that only the loaded configuration has",
        ),
    ],
)
def test_facts_of_the_loaded_app_are_used(
    files: dict[str, str], facts: dict[str, Any], expected: object, tmp_path: Path
) -> None:
    assert faults_of(tmp_path, files, **facts) == [expected]
