"""Deployments with one planted fault: it is named, with its place, and nothing else is."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.doctor.deployment.deployments import (
    CMD,
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
SHELL = "gunicorn --threads=4 -c gunicorn.conf.py shop:app"
FAIL, WARN = False, True
JSON_POD = '{"apiVersion":"v1","kind":"Pod","spec":{"containers":[CONTAINER]}}'
PROCFILE = {"Procfile": "web: gunicorn shop:app\n"}
ALB = "alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds"
ELB = "service.beta.kubernetes.io/aws-load-balancer"
NGINX_TIMEOUT = "nginx.ingress.kubernetes.io/proxy-read-timeout: '60'"
BEHIND_NGINX = {
    **KUBERNETES,
    MANIFEST: KUBERNETES[MANIFEST].replace(f"{ALB}=70", NGINX_TIMEOUT).replace(": alb", ": nginx"),
}
BACKEND_CONFIG = """\
---
apiVersion: cloud.google.com/v1
kind: BackendConfig
metadata: {name: slow}
spec: {timeoutSec: 40}
"""
BEHIND_GOOGLE = {
    **KUBERNETES,
    MANIFEST: KUBERNETES[MANIFEST]
    .replace(f"  annotations:\n    {ALB}=70\n", "")
    .replace(": alb", ": gce")
    .replace(
        "kind: Service\nmetadata: {name: shop}",
        "kind: Service\nmetadata: {name: shop, annotations: "
        """{cloud.google.com/backend-config: '{"default": "slow"}'}}""",
    )
    + BACKEND_CONFIG,
}
BAD = {**IMAGE, MANIFEST: "apiVersion: v1\nkind: Pod\nspec: {}\n"}

Row = tuple[int, bool, Mapping[str, str], str, str, str, str]


def plant_into(base: Mapping[str, str], name: str) -> Callable[..., Row]:
    """Return a function that makes rows with a fault in one file of a deployment.

    It takes the question, whether it is a warning, a text of the file, what that becomes, and a
    text of the line that is named: of what is planted, unless it is given.
    """

    def plant(
        number: int,
        is_warning: bool,
        old: str,
        new: str,
        line: str = "",
        files: Mapping[str, str] = base,
    ) -> Row:
        return number, is_warning, files, name, old, new, line or new

    return plant


image, config = plant_into(IMAGE, DOCKERFILE), plant_into(IMAGE, CONFIG)
manifest = plant_into(KUBERNETES, MANIFEST)
cluster_image, cluster_config = plant_into(KUBERNETES, DOCKERFILE), plant_into(KUBERNETES, CONFIG)
compose, compose_image = plant_into(COMPOSED, COMPOSE), plant_into(COMPOSED, DOCKERFILE)
task, task_image, task_config = (plant_into(ECS, name) for name in (TASK, DOCKERFILE, CONFIG))
unit = plant_into(SYSTEMD, UNIT)

PLANTED: dict[str, Row] = {
    "a sync worker without a timeout": image(
        13, WARN, '"--threads=4"', '"--timeout=0"', "--timeout=0"
    ),
    "a sync worker that works longer than nginx waits": compose_image(
        13, WARN, '"--threads=4"', '"--timeout", "90"', '"90"'
    ),
    "a sync worker that works longer than ingress-nginx waits": cluster_image(
        13, WARN, '"--threads=4"', '"--timeout=90"', "--timeout", files=BEHIND_NGINX
    ),
    "a sync worker that works longer than a BackendConfig waits": cluster_image(
        13, WARN, '"--threads=4"', '"--timeout=90"', "--timeout", files=BEHIND_GOOGLE
    ),
    "a sync worker of a Procfile without a timeout": plant_into(PROCFILE, "Procfile")(
        13, WARN, "shop:app", "--timeout=0 shop:app"
    ),
    "a keepalive that is shorter than the ALB's": cluster_config(
        14, FAIL, "60 + 15", "65", "keepalive = 65"
    ),
    "the default keepalive behind an ALB": cluster_config(
        14, FAIL, "keepalive = 60 + 15\n", "\n", "Dockerfile: CMD"
    ),
    "an idle timeout of the ALB that was raised": manifest(
        14, FAIL, "timeout_seconds=70", "timeout_seconds=75", "gunicorn.conf.py: keepalive"
    ),
    "a keepalive that is shorter than that of Google's load balancer": manifest(
        14,
        FAIL,
        f"  annotations:\n    {ALB}=70\nspec:\n  ingressClassName: alb",
        "spec:\n  ingressClassName: gce",
        "gunicorn.conf.py: keepalive",
    ),
    "a keepalive that is shorter than that of ingress-nginx": cluster_config(
        14, WARN, "60 + 15", "5", "keepalive = 5", files=BEHIND_NGINX
    ),
    "a keepalive that is shorter than that of a classic load balancer": manifest(
        14,
        FAIL,
        "kind: Service\nmetadata: {name: shop}",
        f"kind: Service\nmetadata: {{name: shop, annotations: {{{ELB}-backend-protocol: http, "
        f"{ELB}-connection-idle-timeout: '120'}}}}",
        "gunicorn.conf.py: keepalive",
    ),
    "a keepalive on the command line": compose_image(
        14, WARN, '"--threads=4"', '"--threads=4", "--keep-alive", "5"', "--keep-alive"
    ),
    "a keepalive in GUNICORN_CMD_ARGS": cluster_image(
        14,
        FAIL,
        "ENV PYTHONUNBUFFERED=1",
        'ENV PYTHONUNBUFFERED=1 GUNICORN_CMD_ARGS="--keep-alive=5 -w4"',
        "GUNICORN_CMD_ARGS",
    ),
    "a graceful timeout beyond the pod's": cluster_config(
        15,
        FAIL,
        "graceful_timeout = 20",
        "graceful_timeout = 36",
        "deploy/shop.yaml: terminationGrace",
    ),
    "a preStop hook that takes the time": manifest(
        15, FAIL, '[sleep, "5"]', '[sh, -c, "sleep 25"]', "terminationGrace"
    ),
    "a default grace period of Compose": compose(
        15, FAIL, "stop_grace_period: 1m", "init: false", "gunicorn.conf.py: graceful"
    ),
    "a stopTimeout that is too short": task(15, FAIL, '"stopTimeout": 60', '"stopTimeout": 10'),
    "the unit of Gunicorn's documentation": unit(15, FAIL, "TimeoutStopSec=30", "TimeoutStopSec=5"),
    "a drain that is not in the grace period": cluster_image(
        15,
        FAIL,
        CMD,
        (
            CMD.replace('"shop', '"--logger-class=wsgi_observe.gunicorn.Logger", "shop')
            + "\nENV WSGI_OBSERVE_DRAIN_SECONDS=20 WSGI_OBSERVE_TRUSTED_PROXIES=1"
        ),
        "deploy/shop.yaml: terminationGrace",
    ),
    "heartbeats on the disk": task_config(
        16, WARN, 'worker_tmp_dir = "/dev/shm"\n', "", "Dockerfile: CMD"
    ),
    "a read-only file system without a place for heartbeats": task(
        16,
        FAIL,
        '"stopTimeout": 60',
        '"readonlyRootFilesystem": true, "stopTimeout": 60',
        "readonlyRoot",
        files={**ECS, CONFIG: ECS[CONFIG].replace('worker_tmp_dir = "/dev/shm"\n', "")},
    ),
    "an ALB that is not trusted": cluster_config(
        17, WARN, 'forwarded_allow_ips = "*"\n', "", "Dockerfile: CMD"
    ),
    "every proxy is trusted on a public port": manifest(
        17,
        WARN,
        "  ports:\n    - {port: 80",
        "  type: LoadBalancer\n  ports:\n    - {port: 80",
        "gunicorn.conf.py: forwarded",
    ),
    "every address is a trusted proxy": cluster_image(
        17,
        FAIL,
        "ENV PYTHONUNBUFFERED=1",
        "ENV PYTHONUNBUFFERED=1 \\\n    WSGI_OBSERVE_TRUSTED_PROXIES=10.0.0.0/8,0.0.0.0/0",
        "ENV PYTHON",
    ),
    "a command in shell form": image(18, FAIL, CMD, SHELL, "CMD gunicorn"),
    "a shell that migrates first": image(
        18, FAIL, CMD, f'["sh", "-c", "flask db upgrade && {SHELL}"]', "CMD"
    ),
    "a pipeline": image(18, FAIL, CMD, f"exec {SHELL} 2>&1 | tee log", "CMD exec"),
    "a shell that is not dash": image(
        18,
        WARN,
        CMD,
        SHELL,
        "CMD",
        files={**IMAGE, DOCKERFILE: IMAGE[DOCKERFILE].replace("-slim", "-alpine")},
    ),
    "a shell that goes on": image(
        18,
        FAIL,
        CMD,
        f'["bash", "-c", "{SHELL}; echo bye"]',
        "CMD",
        files={**IMAGE, DOCKERFILE: IMAGE[DOCKERFILE].replace("-slim", "-alpine")},
    ),
    "a manifest in JSON": plant_into({"pod.json": JSON_POD}, "pod.json")(
        18,
        FAIL,
        "CONTAINER",
        '{"image":"a",\n"command":["gunicorn","--daemon","-b:80","--worker-tmp-dir=/dev/shm",'
        '"--graceful-timeout=9","a:b"]}',
        "command",
    ),
    "a shell in a manifest": manifest(
        18,
        FAIL,
        "          ports:\n            -",
        (
            f'          command: ["/bin/sh", "-c"]\n          args: ["{SHELL}"]\n'
            "          ports:\n            -"
        ),
        "args:",
    ),
    "an entry point without exec": image(
        18,
        FAIL,
        CMD,
        '["/srv/start.sh"]',
        "start.sh: gunicorn",
        files={**IMAGE, "start.sh": f"#!/bin/sh\nset -e\nflask db upgrade\n{SHELL} \\\n -w 2\n"},
    ),
    'an entry point with "$@" without exec': image(
        18,
        FAIL,
        "EXPOSE 8000",
        'EXPOSE 8000\nENTRYPOINT ["/entrypoint.sh"]',
        'docker/entrypoint.sh: "$@"',
        files={**IMAGE, "docker/entrypoint.sh": '#!/bin/bash\nmigrate || true\n"$@"\n'},
    ),
    "tini before a shell": image(18, FAIL, CMD, f'["tini", "--", "sh", "-c", "{SHELL}"]', "CMD"),
    "single quotes": image(18, FAIL, CMD, CMD.replace('"', "'"), "CMD"),
    "a daemon": config(18, FAIL, "keepalive", "daemon = True\nkeepalive", "daemon"),
    "a stop signal that cuts requests": image(
        18, FAIL, "EXPOSE 8000", "EXPOSE 8000\nSTOPSIGNAL SIGINT", "STOPSIGNAL"
    ),
    "uWSGI that reloads at SIGTERM": image(
        18, FAIL, CMD, '["uwsgi", "--master", "--http", ":8000", "--wsgi", "shop:app"]', "CMD"
    ),
    "buffered output": image(19, WARN, "ENV PYTHONUNBUFFERED=1", "ENV TZ=UTC", "Dockerfile"),
    "output that is buffered again": compose(
        19,
        WARN,
        "    stop_grace",
        "    environment: [PYTHONUNBUFFERED=]\n    stop_grace",
        "environment:",
    ),
    "liveness that runs the checks": manifest(
        20,
        WARN,
        "path: /health, port: http}\n            timeout",
        "path: /ready, port: http}\n            timeout",
        "livenessProbe",
    ),
    "one path for both": manifest(20, WARN, "path: /ready", "path: /health", "readinessProbe"),
    "no readiness": manifest(20, WARN, "readinessProbe", "otherProbe", "- name: shop"),
    "readiness that only connects": manifest(
        20, WARN, "httpGet: {path: /ready, port: 8000}", "tcpSocket: {port: 8000}", "readinessProbe"
    ),
    "a liveness probe that may fail once": manifest(
        20,
        WARN,
        "            timeoutSeconds: 2\n          readiness",
        "            failureThreshold: 1\n          readiness",
        "failureThreshold",
    ),
    "no time to boot": manifest(
        20,
        WARN,
        "startupProbe:\n            httpGet: {path: /health, port: http}\n          livenessProbe:",
        "livenessProbe:\n            initialDelaySeconds: 2\n            periodSeconds: 2",
        "livenessProbe",
    ),
    "a probe that is shorter than a check": cluster_image(
        20,
        FAIL,
        "ENV PYTHON",
        "ENV WSGI_OBSERVE_CHECK_TIMEOUT=2.5 PYTHON",
        "deploy/shop.yaml: port: 8000}\n            timeoutSeconds",
    ),
    "a health check of ECS that runs the checks": task(
        20, WARN, "8000/health", "8000/ready", '"healthCheck"'
    ),
    "a health check by a program that is not there": compose(
        20,
        FAIL,
        """["CMD", "python", "-c", "import urllib.request as r; r.urlopen('http://localhost:8000/health')"]""",
        "curl -f http://localhost:8000/health || exit 1",
        "test:",
    ),
    "curl without -f": task(
        20,
        FAIL,
        """"CMD-SHELL", "python -c \\"import urllib.request as r; r.urlopen('http://localhost:8000/health')\\"\"""",
        '"CMD-SHELL", "curl -s http://localhost:8000/health || exit 1"',
        "curl",
        files={**ECS, DOCKERFILE: ECS[DOCKERFILE].replace("-slim", "")},
    ),
    "a unit without KillMode": unit(21, WARN, "KillMode=mixed\n", "", "ExecStart"),
    "a drain without KillMode": unit(
        21,
        FAIL,
        "--graceful-timeout 20 \\\n    shop:app\nKillMode=mixed",
        (
            "--graceful-timeout 9 --logger-class wsgi_observe.gunicorn.Logger \\\n    shop:app\n"
            "Environment=WSGI_OBSERVE_DRAIN_SECONDS=10"
        ),
        "ExecStart",
    ),
    "a unit that waits for a fork": unit(21, FAIL, "Type=notify", "Type=forking", "Type="),
    "a daemon in a unit": unit(21, FAIL, "--bind", "--daemon --bind", "ExecStart"),
    "waitress, which does not notify": unit(
        21,
        FAIL,
        "/srv/venv/bin/gunicorn \\\n    --bind unix:/run/shop.sock \\\n"
        "    --graceful-timeout 20 \\\n",
        "/srv/venv/bin/waitress-serve --port=8000 ",
        "Type=notify",
    ),
    "output to nowhere": unit(
        21, FAIL, "Restart=", "StandardOutput=null\nRestart=", "StandardOutput"
    ),
    "output to a file": unit(
        21, WARN, "Restart=", "StandardError=append:/var/log/x\nRestart=", "StandardError"
    ),
    "a unit that is not restarted": unit(21, WARN, "Restart=on-failure\n", "", "ExecStart"),
    "a watchdog that is not fed": unit(
        21, FAIL, "Restart=", "WatchdogSec=30\nRestart=", "WatchdogSec"
    ),
    "a unit whose stop cuts requests": unit(
        21, FAIL, "Restart=", "KillSignal=SIGQUIT\nRestart=", "KillSignal"
    ),
    "log files in a container": image(
        22, WARN, '"--threads=4"', '"--threads=4", "--log-file=/var/log/shop"', "CMD"
    ),
    "lines that Docker cuts": image(
        22, FAIL, "ENV PYTHON", "ENV WSGI_OBSERVE_MAX_LINE_BYTES=65536 PYTHON", "ENV"
    ),
    "lines that Docker cuts, by a variable in a file": compose(
        22,
        FAIL,
        "    stop_grace",
        "    env_file: .env\n    stop_grace",
        ".env: WSGI",
        files={**COMPOSED, ".env": "# A=1\nWSGI_OBSERVE_MAX_LINE_BYTES=65536\n"},
    ),
    "log files that are never rotated": compose(
        22,
        WARN,
        "    build: .\n    stop",
        "    build: .\n    logging: {driver: json-file}\n    stop",
        "logging: {",
    ),
    "the default log driver of a service that is meant to last": compose(
        22,
        WARN,
        "    <<: *defaults\n    build: .\n    stop",
        "    restart: always\n    build: .\n    stop",
        "web:",
    ),
    "a log driver that blocks": compose(
        22,
        WARN,
        "    build: .\n    stop",
        "    build: .\n    logging: {driver: fluentd, options: {tag: a}}\n    stop",
        "logging: {",
    ),
    "no log driver": compose(
        22,
        FAIL,
        "    build: .\n    stop",
        "    build: .\n    logging: {driver: none}\n    stop",
        "logging: {",
    ),
    "a task of Fargate without logs": task(
        22, FAIL, '"logConfiguration"', '"oldConfiguration"', '"containerDefinitions": [\n    {'
    ),
    "a stream that Fargate cannot name": task(
        22, FAIL, ', "awslogs-stream-prefix": "shop"', "", '"logConfiguration"'
    ),
    "a log driver that is set to block": task(
        22,
        WARN,
        '"awslogs-group": "/shop"',
        '"mode": "blocking", "awslogs-group": "/shop"',
        '"mode"',
    ),
    "nothing before SIGTERM": manifest(23, WARN, "lifecycle", "lifecycles", "- name: shop"),
    "a drain of no seconds": manifest(
        23,
        FAIL,
        '[sleep, "5"]}}',
        (
            "[wsgi-observe, drain]}}\n"
            "          env: [{name: WSGI_OBSERVE_TRUSTED_PROXIES, value: '1'}]"
        ),
        "preStop",
        files={**KUBERNETES, CONFIG: KUBERNETES[CONFIG] + "from wsgi_observe.gunicorn import *\n"},
    ),
    "a drain that is not done": task_image(
        23, FAIL, "ENV PYTHON", "ENV WSGI_OBSERVE_DRAIN_SECONDS=5 PYTHON", "ENV"
    ),
    "a port that only the container reaches": cluster_config(
        24, FAIL, "0.0.0.0:8000", "127.0.0.1:8000", "bind"
    ),
    "no bind": config(24, WARN, 'bind = "0.0.0.0:8000"\n', "", "Dockerfile: CMD"),
    "a probe at another port": manifest(
        24,
        FAIL,
        "path: /ready, port: 8000",
        "path: /ready, port: 8080",
        "readinessProbe:\n            httpGet",
    ),
    "a Service at another port": manifest(
        24, FAIL, "targetPort: http", "targetPort: 5000", "targetPort"
    ),
    "a published port that is not served": task(
        24, FAIL, '"containerPort": 8000', '"containerPort": 80', "containerPort"
    ),
    "a manifest that is not YAML": manifest(25, WARN, "spec: {}", "spec: {a: [}", "spec", BAD),
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
