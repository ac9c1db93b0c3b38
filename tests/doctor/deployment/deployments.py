"""Deployments without a fault, into which the tests plant one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsgi_observe.doctor.deployment import GunicornFacts, check_deployment

DOCKERFILE = """\
# the image of the shop
FROM python:3.13-slim AS build
RUN pip install --no-cache-dir \\
    # pinned
    -r requirements.txt

FROM build
ENV PYTHONUNBUFFERED=1
EXPOSE 8000
CMD ["gunicorn", "--threads=4", "-c", "gunicorn.conf.py", "shop:app"]
"""
CMD = DOCKERFILE.partition("CMD ")[2].strip()

CONFIG = """\
import multiprocessing

bind = "0.0.0.0:8000"
workers = multiprocessing.cpu_count() * 2 + 1
keepalive = 60 + 15
graceful_timeout = 20
worker_tmp_dir = "/dev/shm"
forwarded_allow_ips = "*"
"""

MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      terminationGracePeriodSeconds: 40
      containers:
        - name: shop
          image: registry.example/team/shop:1.2
          ports:
            - {name: http, containerPort: 8000}
          lifecycle:
            preStop: {exec: {command: [sleep, "5"]}}
          startupProbe:
            httpGet: {path: /health, port: http}
          livenessProbe:
            httpGet: {path: /health, port: http}
            timeoutSeconds: 2
          readinessProbe:
            httpGet: {path: /ready, port: 8000}
            timeoutSeconds: 2
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec:
  selector: {app: shop}
  ports:
    - {port: 80, targetPort: http}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations:
    alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds=70
spec:
  ingressClassName: alb
  rules:
    - http:
        paths:
          - path: /
            backend: {service: {name: shop, port: {number: 80}}}
"""

COMPOSE = """\
x-defaults: &defaults
  restart: unless-stopped
  logging:
    driver: json-file
    options: {max-size: 10m}

services:
  web:
    <<: *defaults
    build: .
    stop_grace_period: 1m
    healthcheck:
      test: HEALTH_CHECK
  proxy:
    <<: *defaults
    image: nginx:1.29
    ports: ["80:80"]
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
  worker:
    <<: *defaults
    build: .
    command: celery -A shop worker
  db:
    <<: *defaults
    image: postgres:17
"""

NGINX = """\
http {
    upstream shop {
        server web:8000;  # the service
        keepalive 16;
    }
    server {
        location / {
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_http_version 1.1;
            proxy_pass http://shop;
        }
    }
}
"""

TASK = """\
{
  "family": "shop",
  "requiresCompatibilities": ["FARGATE"],
  "containerDefinitions": [
    {
      "name": "shop",
      "image": "registry.example/shop:1.2",
      "portMappings": [{"containerPort": 8000}],
      "stopTimeout": 60,
      "healthCheck": {
        "command": ["CMD-SHELL", "python -c \\"import urllib.request as r; r.urlopen('http://localhost:8000/health')\\""],
        "retries": 3
      },
      "logConfiguration": {
        "logDriver": "awslogs",
        "options": {"awslogs-group": "/shop", "awslogs-stream-prefix": "shop"}
      }
    }
  ]
}
"""

UNIT = """\
[Unit]
Description=the shop
[Service]
Type=notify
ExecStart=/srv/venv/bin/gunicorn \\
    --bind unix:/run/shop.sock \\
    --graceful-timeout 20 \\
    shop:app
KillMode=mixed
TimeoutStopSec=30
Restart=on-failure
[Install]
WantedBy=multi-user.target
"""

HEALTH_CHECK = (
    '["CMD", "python", "-c", "import urllib.request as r; '
    "r.urlopen('http://localhost:8000/health')\"]"
)
COMPOSE = COMPOSE.replace("HEALTH_CHECK", HEALTH_CHECK)
IMAGE = {"Dockerfile": DOCKERFILE, "gunicorn.conf.py": CONFIG}
KUBERNETES = {**IMAGE, "deploy/shop.yaml": MANIFEST}
COMPOSED = {**IMAGE, "compose.yaml": COMPOSE, "nginx.conf": NGINX}
ECS = {**IMAGE, "task.json": TASK}
SYSTEMD = {"etc/shop.service": UNIT}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def changed(files: Mapping[str, str], name: str, old: str, new: str) -> dict[str, str]:
    assert files[name].count(old) == 1, "the text to change is there once"
    return {**files, name: files[name].replace(old, new)}


def image_running(command: str) -> dict[str, str]:
    """Return the image with another command."""
    return changed(IMAGE, "Dockerfile", CMD, command)


def faults_of(
    folder: Path, files: Mapping[str, str], **facts: Any
) -> list[tuple[int, str | None, bool]]:
    """Return number, place and whether it is a warning, of each fault."""
    answers = check_deployment(write(folder, files), GunicornFacts(**facts) if facts else None)
    return [
        (answer.number, fault.where, fault.is_warning)
        for answer in answers
        for fault in answer.faults
    ]
