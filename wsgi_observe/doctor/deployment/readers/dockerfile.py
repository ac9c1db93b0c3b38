"""Dockerfiles: instructions with their lines, and the image that the last stage makes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from wsgi_observe.doctor.deployment.command import Command, split_words
from wsgi_observe.doctor.deployment.environment import Environment
from wsgi_observe.doctor.deployment.image import Image
from wsgi_observe.doctor.deployment.lines import join_lines
from wsgi_observe.doctor.deployment.tree import Node
from wsgi_observe.doctor.deployment.workload import Deployment, Platform, Workload


@dataclass(frozen=True)
class Instruction:
    """An instruction of a Dockerfile, its continued lines joined."""

    name: str
    text: str
    where: str
    heredoc: str = ""


_ESCAPE = re.compile(r"\A(#.*\n)*#\s*escape\s*=\s*`", re.IGNORECASE)
_IGNORED = re.compile(r"#|\Z")  # Docker also skips empty lines between continued ones
_WITH_HEREDOCS = re.compile(r"(RUN|COPY|ADD)\s", re.IGNORECASE)
_FLAGS = re.compile(r"\A(?:--[\w-]+(?:=\S*)?\s+)+")


def read_dockerfile(deployment: Deployment, name: str, text: str) -> bool:
    """Add the image of a Dockerfile; return whether there is one."""
    image = parse_image(text, name)
    if image is not None:
        deployment.images[name] = image
    return image is not None


def add_unused_images(deployment: Deployment) -> None:
    """Add a workload for each image that no other workload is known to run."""
    used = {workload.image.file for workload in deployment.workloads if workload.image}
    for name, image in deployment.images.items():
        if name not in used:
            deployment.add(Workload(deployment, Platform.DOCKER, name, image=image))


def parse_instructions(text: str, name: str) -> Iterator[Instruction]:
    """Yield the instructions; lines of heredocs are kept apart from them."""
    escape = "`" if _ESCAPE.match(text) else "\\"
    for line in join_lines(text, escape, _IGNORED, _WITH_HEREDOCS):
        word, *rest = line.text.split(maxsplit=1)
        yield Instruction(word.upper(), "".join(rest), f"{name}:{line.number}", line.heredoc)


def parse_image(text: str, name: str, target: str | None = None) -> Image | None:
    """Return the image of the last stage, or of the stage `target`; None if there is none."""
    stages: dict[str, Image] = {}
    stage = ""
    for instruction in parse_instructions(text, name):
        if instruction.name == "FROM":
            if stage and stage == target:
                break
            base, *alias = _FLAGS.sub("", f"{instruction.text} ").split() or [""]
            stage = alias[1] if len(alias) > 1 and alias[0].lower() == "as" else str(len(stages))
            stages[stage] = stages.get(base) or Image(name, base)
        elif stage:
            stages[stage] = _apply(stages[stage], instruction)
    return stages.get(stage if target is None else target)


def _apply(image: Image, instruction: Instruction) -> Image:
    text, where = instruction.text, instruction.where
    match instruction.name:
        case "ENV":
            return replace(image, env=image.env.merged_with(_parse_env(text, where)))
        case "SHELL":
            return replace(image, shell=_parse_list(text) or image.shell)
        case "ENTRYPOINT":
            return replace(image, entrypoint=_parse_command(text, where, image.shell))
        case "CMD":
            return replace(image, command=_parse_command(text, where, image.shell))
        case "STOPSIGNAL":
            return replace(image, stop_signal=Node(where, text))
        case "HEALTHCHECK":
            kind, _, command = _FLAGS.sub("", f"{text} ").strip().partition(" ")
            is_command = kind.upper() == "CMD"
            check = _parse_command(command.strip(), where, image.shell) if is_command else None
            return replace(image, health_check=check)
        case "RUN" | "COPY" | "ADD":
            return replace(image, installs=f"{image.installs}\n{text}\n{instruction.heredoc}")
    return image


def _parse_command(text: str, where: str, shell: tuple[str, ...]) -> Command:
    words = _parse_list(text)
    if words is not None:
        return Command(words, where)
    return Command((*shell, text), where, is_shell_form=True)


def _parse_list(text: str) -> tuple[str, ...] | None:
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_list = isinstance(words, list) and all(isinstance(word, str) for word in words)
    return tuple(words) if is_list else None


def _parse_env(text: str, where: str) -> Environment:
    words = split_words(text)
    if words is None:
        return Environment(is_open=True)
    if words and "=" not in words[0]:
        name, _, value = text.partition(" ")
        return Environment({name: Node(where, value.strip())})
    pairs = (word.partition("=") for word in words if "=" in word)
    return Environment({name: Node(where, value) for name, _, value in pairs})
