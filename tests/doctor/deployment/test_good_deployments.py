"""Deployments without a fault, in the forms that there are: none is accused."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import pytest

from tests.docs.pages import blocks
from tests.doctor.deployment import deployments
from tests.doctor.deployment.deployments import (
    COMPOSED,
    ECS,
    IMAGE,
    KUBERNETES,
    SYSTEMD,
    changed,
    faults_of,
    image_running,
    write,
)
from wsgi_observe.doctor.answer import Result
from wsgi_observe.doctor.deployment import check_deployment

(PAGE_DOCKERFILE,) = blocks("containers", "dockerfile")
(PAGE_MANIFEST,) = blocks("containers", "yaml")
(PAGE_TASK,) = blocks("containers", "json")
CELERY = """\
apiVersion: v1
kind: List
items:
  - apiVersion: apps/v1
    kind: Deployment
    metadata: {name: worker}
    spec:
      template:
        metadata: {labels: {app: worker}}
        spec:
          terminationGracePeriodSeconds: 600
          containers:
            - {name: worker, image: shop, command: [celery, -A, shop, worker]}
            - name: cache
              image: redis:8
              livenessProbe: {tcpSocket: {port: 6379}, failureThreshold: 1}
  - apiVersion: batch/v1
    kind: CronJob
    metadata: {name: report}
    spec:
      jobTemplate:
        spec:
          template:
            spec: {containers: [{name: report, image: shop, args: [flask, report]}]}
"""
PROXIED = deployments.MANIFEST.replace("targetPort: http", "targetPort: web").replace(
    "      containers:\n",
    "      containers:\n"
    "        - {name: proxy, image: nginx, ports: [{containerPort: 80, name: web}]}\n",
)


def make_namespace(name: str, port: str, idle: int) -> str:
    """Return a pod, its Service and its Ingress in a namespace, with values of its own."""
    keepalive = f"{{name: GUNICORN_CMD_ARGS, value: --keep-alive={idle + 5}}}"
    port_variable = f"{{name: PORT, value: '{port}'}}"
    manifest = deployments.MANIFEST
    for old, new in {
        "8000": port,
        "seconds=70": f"seconds={idle}",
        "targetPort: http": f"targetPort: {port}",
        "name: shop}\nspec": f"name: shop, namespace: {name}}}\nspec",
        "name: shop\n  annotations": f"name: shop\n  namespace: {name}\n  annotations",
        "  lifecycle": f"  env: [{port_variable}, {keepalive}]\n          lifecycle",
    }.items():
        assert old in manifest
        manifest = manifest.replace(old, new)
    return manifest


SH = "#!/bin/sh\nset -e\n"

GOOD: dict[str, Mapping[str, str]] = {
    "the image of the documentation": {"Dockerfile": PAGE_DOCKERFILE},
    "the pod of the documentation": {"Dockerfile": PAGE_DOCKERFILE, "k8s.yml": PAGE_MANIFEST},
    "the pod without its image": {"k8s.yml": PAGE_MANIFEST},
    "the task of the documentation": {"Dockerfile": PAGE_DOCKERFILE, "task.json": PAGE_TASK},
    "all of the documentation": {
        "Dockerfile": PAGE_DOCKERFILE,
        "k8s.yml": PAGE_MANIFEST,
        ".aws/task.json": f'{{"taskDefinition": {PAGE_TASK}}}',
    },
    "an image": IMAGE,
    "Kubernetes behind an ALB": KUBERNETES,
    "Compose with nginx": COMPOSED,
    "ECS": ECS,
    "systemd": SYSTEMD,
    "workers, caches and jobs": {**IMAGE, "k8s.yaml": CELERY},
    "an entry point that runs its arguments": {
        **changed(IMAGE, "Dockerfile", "EXPOSE", 'ENTRYPOINT ["sh", "/srv/docker/run.sh"]\nEXPOSE'),
        "docker/run.sh": f'{SH}echo "starting gunicorn"\n'
        'if [ -n "$X" ]; then flask init; fi\nexec "$@"\n',
    },
    "an entry point that is Gunicorn": changed(
        IMAGE,
        "Dockerfile",
        'CMD ["gunicorn", "--threads=4",',
        'ENTRYPOINT ["gunicorn"]\nCMD ["--threads=4",',
    ),
    "an entry point that is not in the folder": changed(
        IMAGE, "Dockerfile", "EXPOSE", 'ENTRYPOINT ["/usr/bin/entrypoint.sh"]\nEXPOSE'
    ),
    "a script that checks the configuration first": {
        **image_running('["./run"]'),
        "run": f"{SH}gunicorn --check-config -c gunicorn.conf.py a:b\n"
        "exec tini -- gunicorn --threads 4 -c gunicorn.conf.py a:b 2>&1\n",
    },
    "a script that has another server for development": {
        **image_running('["./run.sh"]'),
        "run.sh": f'{SH}if [ "$DEBUG" ]; then\n  gunicorn --reload a:b\nelse\n'
        "  exec gunicorn -c gunicorn.conf.py a:b\nfi\n",
    },
    "a script that passes signals on": {
        **image_running('["./run.sh"]'),
        "run.sh": f"{SH}trap 'kill -TERM $PID' TERM\n"
        "gunicorn -c gunicorn.conf.py a:b &\nPID=$!\nwait $PID\n",
    },
    "dumb-init, which signals the group": changed(
        IMAGE, "Dockerfile", '["gunicorn", "--threads=4", "-c"', '["dumb-init", "sh", "-c"'
    ),
    "exec in shell form": image_running(
        "flask db upgrade && exec gunicorn --threads=4 -c gunicorn.conf.py shop:app",
    ),
    "bash, which replaces itself": changed(
        image_running("gunicorn --threads=4 -c gunicorn.conf.py shop:app"),
        "Dockerfile",
        "EXPOSE",
        'SHELL ["/bin/bash", "-o", "pipefail", "-c"]\nEXPOSE',
    ),
    "python -m": changed(
        changed(IMAGE, "Dockerfile", "ENV PYTHONUNBUFFERED=1\n", ""),
        "Dockerfile",
        '["gunicorn"',
        '["python3.13", "-u", "-m", "gunicorn"',
    ),
    "values that only the environment has": image_running(
        "exec gunicorn -b 0.0.0.0:$PORT --timeout ${TIMEOUT:-0} $OPTIONS shop:app"
    ),
    "a configuration that is computed": changed(
        KUBERNETES,
        "gunicorn.conf.py",
        "keepalive = 60 + 15\ngraceful_timeout = 20\n",
        'import os\nkeepalive = int(os.environ.get("K", 2))\ngraceful_timeout = 99\n'
        "if os.environ:\n    graceful_timeout = 9\n",
    ),
    "a configuration that is elsewhere": {
        name: text for name, text in KUBERNETES.items() if name != "gunicorn.conf.py"
    },
    "variables of a Secret": changed(
        {
            **KUBERNETES,
            "Dockerfile": deployments.DOCKERFILE.replace('"-c", "gunicorn.conf.py", ', ""),
        },
        "deploy/shop.yaml",
        "          lifecycle",
        "          envFrom: [{secretRef: {name: shop}}]\n          lifecycle",
    ),
    "a sync worker, which keeps no connections": changed(
        changed(KUBERNETES, "Dockerfile", '"--threads=4", ', ""),
        "gunicorn.conf.py",
        "60 + 15",
        "2",
    ),
    "one of several images": {
        "web/Dockerfile": deployments.DOCKERFILE,
        "other/Dockerfile": "FROM python:3.13\nCMD python -m http.server\n",
        "gunicorn.conf.py": deployments.CONFIG,
        "compose.yml": deployments.COMPOSE.replace("build: .", "build: {context: web}"),
    },
    "several Compose files": {
        **changed(COMPOSED, "compose.yaml", "    stop_grace_period: 1m\n", ""),
        "compose.prod.yaml": "services:\n  web:\n    stop_grace_period: 1m\n"
        "    command: gunicorn --worker-class gthread shop:app\n",
    },
    "published ports of which one is a variable": changed(
        COMPOSED,
        "compose.yaml",
        "    stop_grace",
        "    ports: ['127.0.0.1:9000:9000', {target: '${PORT}', host_ip: 127.0.0.1}]\n"
        "    stop_grace",
    ),
    "a log driver whose mode is a variable": changed(
        COMPOSED,
        "compose.yaml",
        "    stop_grace",
        "    logging: {driver: fluentd, options: {mode: '${MODE}'}}\n    stop_grace",
    ),
    "variables in another Compose file": {
        **changed(COMPOSED, "Dockerfile", "ENV PYTHONUNBUFFERED=1\n", ""),
        "compose.override.yaml": "services: {web: {environment: [PYTHONUNBUFFERED=1]}}\n",
    },
    "a patch of Kustomize": {
        "base/shop.yaml": deployments.MANIFEST.replace("lifecycle", "x").replace("readiness", "x"),
        "prod/kustomization.yaml": "resources: [../base]\npatches: [{path: patch.yaml}]\n",
        "prod/patch.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\n"
        "spec: {template: {spec: {containers: [{name: shop, livenessProbe: "
        "{httpGet: {path: /ready, port: 1}}}]}}}\n",
    },
    "a proxy in the same pod": changed(
        changed(KUBERNETES, "gunicorn.conf.py", "0.0.0.0:8000", "127.0.0.1:8000"),
        "deploy/shop.yaml",
        "      containers:\n",
        "      containers:\n"
        "        - {name: proxy, image: nginx, ports: [{containerPort: 8000}]}\n",
    ),
    "a proxy that starts before the server, and stays": changed(
        changed(KUBERNETES, "gunicorn.conf.py", "0.0.0.0:8000", "127.0.0.1:8000"),
        "deploy/shop.yaml",
        "      containers:\n",
        "      initContainers:\n"
        "        - {name: proxy, image: envoy, restartPolicy: Always}\n"
        "      containers:\n",
    ),
    "nginx in the same container": changed(
        changed(IMAGE, "gunicorn.conf.py", "0.0.0.0:8000", "127.0.0.1:8000"),
        "Dockerfile",
        "FROM build\n",
        "FROM build\nRUN apt-get update && apt-get install -y nginx\n",
    ),
    "nginx in the same pod, which has the traffic": {
        **changed(KUBERNETES, "gunicorn.conf.py", "keepalive = 60 + 15\n", ""),
        "deploy/shop.yaml": PROXIED,
    },
    "a logger class that only the Secret has": changed(
        changed(ECS, "Dockerfile", "ENV ", "ENV WSGI_OBSERVE_DRAIN_SECONDS=10 "),
        "task.json",
        '"stopTimeout": 60',
        '"stopTimeout": 60, "environmentFiles": [{"value": "arn:aws:s3:::shop/env"}]',
    ),
    "a health check by a program that a script installs": changed(
        changed(COMPOSED, "Dockerfile", "FROM build\n", "FROM build\nRUN ./install.sh\n"),
        "compose.yaml",
        deployments.HEALTH_CHECK,
        "curl -s http://localhost:8000/health | grep ok",
    ),
    "two namespaces, each with its own port and idle timeout": {
        "Dockerfile": deployments.DOCKERFILE,
        "gunicorn.conf.py": deployments.CONFIG.replace('bind = "0.0.0.0:8000"\n', ""),
        "one.yaml": make_namespace("one", "8001", 60),
        "two.yaml": make_namespace("two", "8002", 90),
    },
    "metrics on a port of their own": changed(
        changed(KUBERNETES, "Dockerfile", "ENV ", "ENV WSGI_OBSERVE_METRICS_PORT=9464 "),
        "deploy/shop.yaml",
        "path: /ready, port: 8000",
        "path: /ready, port: 9464",
    ),
    "heartbeats in the memory of a pod": changed(
        changed(KUBERNETES, "gunicorn.conf.py", 'worker_tmp_dir = "/dev/shm"\n', ""),
        "deploy/shop.yaml",
        "      containers:\n        - name: shop\n",
        "      volumes: [{name: tmp, emptyDir: {medium: Memory}}]\n"
        "      containers:\n        - name: shop\n"
        "          volumeMounts: [{name: tmp, mountPath: /tmp}]\n",
    ),
    "heartbeats in the memory of a service": changed(
        changed(COMPOSED, "gunicorn.conf.py", 'worker_tmp_dir = "/dev/shm"\n', ""),
        "compose.yaml",
        "    stop_grace",
        "    read_only: true\n    tmpfs: /tmp:size=1m\n    stop_grace",
    ),
    "heartbeats in the memory of a task": changed(
        changed(ECS, "gunicorn.conf.py", 'worker_tmp_dir = "/dev/shm"\n', ""),
        "task.json",
        '"stopTimeout"',
        '"linuxParameters": {"tmpfs": [{"containerPath": "/tmp", "size": 1}]}, "stopTimeout"',
    ),
    "nginx on the same host": {
        "shop.service": deployments.UNIT,
        "nginx.conf": "server { location / { proxy_pass http://unix:/run/shop.sock; "
        "proxy_set_header X-Forwarded-Proto https; } }",
    },
    "a unit with a drop-in beside it": {
        "etc/shop.service": deployments.UNIT.replace("KillMode=mixed\n", "").replace("c=30", "c=5"),
        "etc/shop.service.d/stop.conf": "[Service]\nKillMode=mixed\nTimeoutStopSec=40\n",
    },
    "units of others": {
        "a.service": "[Service]\nType=forking\nExecStart=/usr/sbin/nginx\n",
        "b.service": "[Service]\nExecStart=/srv/venv/bin/celery -A shop worker\nKillMode=none\n",
    },
    "no deployment at all": {"shop.py": "app = None\n", "README.md": "gunicorn shop:app\n"},
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_deployment_is_not_accused(name: str, tmp_path: Path) -> None:
    assert faults_of(tmp_path, GOOD[name]) == []


def test_each_question_has_its_page(tmp_path: Path) -> None:
    for answer in check_deployment(tmp_path):
        page = (resources.files("wsgi_observe.doctor") / f"pages/{answer.number}.md").read_text()
        name = answer.name[0].upper() + answer.name[1:]
        assert page.startswith(f"# {answer.number}. {name}\n")
        assert all(f"## {part}\n" in page for part in ("What to do", "What it does not know"))
        assert 20 <= page.count("\n") <= 40


def test_each_question_is_passed_by_one_of_them(tmp_path: Path) -> None:
    passed = set()
    for index, files in enumerate((KUBERNETES, COMPOSED, ECS, SYSTEMD)):
        for answer in check_deployment(write(tmp_path / str(index), files)):
            if answer.result is Result.PASS:
                passed.add(answer.number)
    assert passed == set(range(13, 26))


def test_questions_that_do_not_apply_are_skipped_with_the_reason(tmp_path: Path) -> None:
    answers = check_deployment(tmp_path)
    assert {answer.result for answer in answers} == {Result.SKIP}
    assert all("found" in answer.seen for answer in answers)
