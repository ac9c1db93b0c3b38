"""Reading of a folder: each file by its name and its contents."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from wsgi_observe.doctor.deployment.containers import (
    add_unused_images,
    read_composes,
    read_dockerfiles,
    read_task_definition,
)
from wsgi_observe.doctor.deployment.files import Folder
from wsgi_observe.doctor.deployment.gunicorn import GunicornFacts
from wsgi_observe.doctor.deployment.kubernetes import Cluster, flatten
from wsgi_observe.doctor.deployment.nginx import read_nginx
from wsgi_observe.doctor.deployment.tree import HAS_YAML, Node, ParseError, parse_json, parse_yaml
from wsgi_observe.doctor.deployment.units import read_procfile, read_unit
from wsgi_observe.doctor.deployment.workload import Deployment

_DOCKERFILE = re.compile(r"(Docker|Container)file(\..+)?|.+\.(dockerfile|Dockerfile)")
_COMPOSE = re.compile(r"(docker-)?compose([.-].*)?\.ya?ml")
_MANIFEST = re.compile(r"(^|[{,])\s*(- )?['\"]?apiVersion['\"]?\s*:", re.MULTILINE)
_TEMPLATE = re.compile(
    r"{{-?\s*(\.Values|\.Release|\.Chart|include|template|if|range|with|end|define|toYaml|tpl|\$)"
)
_TASK = re.compile(r'"containerDefinitions"')


def read_deployment(path: Path, facts: GunicornFacts | None) -> Deployment:
    """Return the deployment that the files below a folder describe."""
    folder = Folder(path)
    deployment = Deployment(folder, facts)
    by_name = {name: PurePosixPath(name).name for name in folder.names}
    dockerfiles = [name for name, base in by_name.items() if _is_dockerfile(base)]
    read_dockerfiles(deployment, dockerfiles)
    composes = [name for name, base in by_name.items() if _COMPOSE.fullmatch(base)]
    read_composes(deployment, [(n, d) for n in composes for d in _parse(deployment, n, parse_yaml)])
    objects: list[Node] = []
    for name, base in by_name.items():
        if base.endswith((".yaml", ".yml", ".json")) and name not in composes:
            objects += _read_document(deployment, name)
    Cluster(deployment, objects).read()
    for name, base in by_name.items():
        _read_other(deployment, name, base)
    add_unused_images(deployment)
    for name, base in by_name.items():
        if base.endswith((".conf", ".nginx", ".conf.template")) or "nginx" in base:
            text = _read_if(deployment, name, "proxy_pass")
            if text and read_nginx(deployment, name, text):
                deployment.read.append(name)
    return deployment


def _is_dockerfile(base: str) -> bool:
    return bool(_DOCKERFILE.fullmatch(base)) and not base.endswith((".dockerignore", ".j2"))


def _read_if(deployment: Deployment, name: str, word: str) -> str | None:
    text = deployment.folder.read(name)
    return text if text is not None and word in text else None


def _read_other(deployment: Deployment, name: str, base: str) -> None:
    text = None
    if base.endswith(".service"):
        text = _read_if(deployment, name, "ExecStart")
        if text and read_unit(deployment, name, text):
            deployment.read.append(name)
    elif base == "Procfile" or base.startswith("Procfile."):
        text = deployment.folder.read(name)
        if text:
            read_procfile(deployment, name, text.split("\n"))
            deployment.read.append(name)


def _read_document(deployment: Deployment, name: str) -> list[Node]:
    """Return the Kubernetes objects of a file, and add the task definitions in it."""
    text = deployment.folder.read(name)
    if text is None:
        return []
    is_json = name.endswith(".json")
    if is_json and _TASK.search(text):
        for document in _parse(deployment, name, _parse_one_json):
            task = document.get("taskDefinition") or document
            if task.get("containerDefinitions").children:
                read_task_definition(deployment, task)
        return []
    if not _MANIFEST.search(text):
        return []
    if _TEMPLATE.search(text) and _is_in_chart(deployment.folder, name):
        deployment.templates.append(name)
        return []
    documents = _parse(deployment, name, _parse_one_json if is_json else parse_yaml)
    return [item for document in documents for item in flatten(document)]


def _is_in_chart(folder: Folder, name: str) -> bool:
    parents = PurePosixPath(name).parents
    charts = [(parent / "Chart.yaml").as_posix() for parent in parents]
    return "templates" in PurePosixPath(name).parts or any(c in folder.names for c in charts)


def _parse_one_json(text: str, name: str) -> list[Node]:
    return [parse_json(text, name)]


def _parse(
    deployment: Deployment, name: str, parse: Callable[[str, str], list[Node]]
) -> list[Node]:
    """Parse a file; one that is not valid costs a warning."""
    text = deployment.folder.read(name)
    if text is None:
        return []
    if parse is parse_yaml and not HAS_YAML:
        deployment.unread_yaml.append(name)
        return []
    try:
        documents = parse(text, name)
    except ParseError as error:
        if "{{" in text or "{%" in text:
            deployment.templates.append(name)
        else:
            deployment.folder.report(f"the file cannot be read: {error}", f"{name}:{error.line}")
        return []
    deployment.read.append(name)
    return documents
