"""Reading of a folder: each file by its name and its contents."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from wsgi_observe.doctor.deployment.files import Folder
from wsgi_observe.doctor.deployment.gunicorn import GunicornFacts
from wsgi_observe.doctor.deployment.readers.compose import read_composes
from wsgi_observe.doctor.deployment.readers.dockerfile import add_unused_images, read_dockerfile
from wsgi_observe.doctor.deployment.readers.ecs import read_task_definition
from wsgi_observe.doctor.deployment.readers.kubernetes import flatten, read_cluster
from wsgi_observe.doctor.deployment.readers.nginx import read_nginx
from wsgi_observe.doctor.deployment.readers.units import read_procfile, read_unit
from wsgi_observe.doctor.deployment.tree import HAS_YAML, Node, ParseError, parse_json, parse_yaml
from wsgi_observe.doctor.deployment.workload import Deployment

_DOCKERFILE = re.compile(
    r"((Docker|Container)file(\..+)?|.+\.(dockerfile|Dockerfile))(?<!\.dockerignore)(?<!\.j2)"
)
_COMPOSE = re.compile(r"(docker-)?compose([.-].*)?\.ya?ml")
_DOCUMENT = re.compile(r".*\.(ya?ml|json)")
_UNIT = re.compile(r".*\.service")
_PROCFILE = re.compile(r"Procfile(\..*)?")
_NGINX = re.compile(r".*\.(conf|nginx|conf\.template)|.*nginx.*")
_MANIFEST = re.compile(r"(^|[{,])[ \t]*(- )?['\"]?apiVersion['\"]?\s*:", re.MULTILINE)
_TEMPLATE = re.compile(
    r"{{-?\s*(\.Values|\.Release|\.Chart|include|template|if|range|with|end|define|toYaml|tpl|\$)"
)
_UNRENDERED = (
    "templates, which are not read; render them, with Helm by `helm template . > rendered.yaml`, "
    "and name the folder of the result"
)
_NO_YAML = 'YAML, which is not read without PyYAML; pip install "wsgi-observe[doctor]"'


def read_deployment(path: Path, facts: GunicornFacts | None) -> Deployment:
    """Return the deployment that the files below a folder describe."""
    deployment = Deployment(Folder(path), facts)
    _read_each(deployment, _DOCKERFILE, read_dockerfile)
    composes = _find(deployment, _COMPOSE)
    read_composes(
        deployment, [(name, doc) for name in composes for doc in _parse(deployment, name)]
    )
    documents = [name for name in _find(deployment, _DOCUMENT) if name not in composes]
    read_cluster(
        deployment, [item for name in documents for item in _read_document(deployment, name)]
    )
    _read_each(deployment, _UNIT, read_unit, "ExecStart")
    _read_each(deployment, _PROCFILE, read_procfile)
    add_unused_images(deployment)
    _read_each(deployment, _NGINX, read_nginx, "proxy_pass")
    return deployment


def _find(deployment: Deployment, pattern: re.Pattern[str]) -> list[str]:
    """Return the files whose names without their folders are of this pattern."""
    names = deployment.folder.names
    return [name for name in names if pattern.fullmatch(PurePosixPath(name).name)]


def _read_each(
    deployment: Deployment,
    pattern: re.Pattern[str],
    read: Callable[[Deployment, str, str], bool],
    word: str = "",
) -> None:
    """Read the files of this pattern which have a word in them."""
    for name in _find(deployment, pattern):
        text = deployment.folder.read(name)
        if text and word in text and read(deployment, name, text):
            deployment.read.append(name)


def _read_document(deployment: Deployment, name: str) -> list[Node]:
    """Return the Kubernetes objects of a file, and add the task definitions in it."""
    text = deployment.folder.read(name) or ""
    if name.endswith(".json") and '"containerDefinitions"' in text:
        for document in _parse(deployment, name):
            read_task_definition(deployment, document.get("taskDefinition") or document)
        return []
    if not _MANIFEST.search(text):
        return []
    if _TEMPLATE.search(text) and _is_in_chart(deployment.folder, name):
        deployment.unread[_UNRENDERED].append(name)
        return []
    return [item for document in _parse(deployment, name) for item in flatten(document)]


def _is_in_chart(folder: Folder, name: str) -> bool:
    parents = PurePosixPath(name).parents
    charts = [(parent / "Chart.yaml").as_posix() for parent in parents]
    return "templates" in PurePosixPath(name).parts or any(c in folder.names for c in charts)


def _parse(deployment: Deployment, name: str) -> list[Node]:
    """Return the documents of a file; one that is not valid costs a warning."""
    text = deployment.folder.read(name)
    is_json = name.endswith(".json")
    if text is None:
        return []
    if not is_json and not HAS_YAML:
        deployment.unread[_NO_YAML].append(name)
        return []
    try:
        documents = [parse_json(text, name)] if is_json else parse_yaml(text, name)
    except ParseError as error:
        if "{{" in text or "{%" in text:
            deployment.unread[_UNRENDERED].append(name)
        else:
            deployment.folder.report(f"the file cannot be read: {error}", f"{name}:{error.line}")
        return []
    deployment.read.append(name)
    return documents
