"""Dockerfiles: instructions with their lines, and the image that the last stage makes."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from wsgi_observe.doctor.deployment.environment import Environment
from wsgi_observe.doctor.deployment.tree import Node


@dataclass(frozen=True)
class Instruction:
    """An instruction of a Dockerfile, its continued lines joined."""

    name: str
    text: str
    where: str
    heredoc: str = ""


@dataclass(frozen=True)
class Command:
    """A command as a list of words, and its place.

    :param is_shell_form: whether it is a text in the file, which a shell of the image runs.
    """

    words: tuple[str, ...]
    where: str
    is_shell_form: bool = False


@dataclass(frozen=True)
class Image:
    """The image that a Dockerfile makes.

    :param base: the image of the registry from which the stages come.
    :param installs: the text of all instructions that may bring programs.
    """

    file: str
    base: str = ""
    env: Environment = field(default_factory=Environment)
    entrypoint: Command | None = None
    command: Command | None = None
    ports: tuple[Node, ...] = ()
    health_check: Command | None = None
    stop_signal: Node = field(default_factory=lambda: Node(""))
    installs: str = ""
    shell: tuple[str, ...] = ("/bin/sh", "-c")

    @property
    def folder(self) -> str:
        """The folder of the Dockerfile, which mostly is that of the build."""
        parent = PurePosixPath(self.file).parent.as_posix()
        return "" if parent == "." else parent

    @property
    def is_plain(self) -> bool:
        """Whether it comes from an official image, whose contents are known."""
        return _repository(self.base) in ("python", "debian", "ubuntu", "alpine")

    @property
    def is_debian(self) -> bool:
        """Whether its ``/bin/sh`` is dash."""
        name, _, tag = self.base.partition(":")
        known = _repository(name) in ("python", "debian", "ubuntu")
        return known and "alpine" not in tag and "$" not in tag

    @property
    def has_no_downloader(self) -> bool:
        """Whether the base image has neither curl nor wget."""
        return _repository(self.base) == "python" and "slim" in self.base

    @property
    def has_no_curl(self) -> bool:
        """Whether the base image has no curl, as Alpine, which has wget."""
        return self.has_no_downloader or (self.is_plain and "alpine" in self.base)


def _repository(image: str) -> str:
    name = image.partition("@")[0].rpartition("/")
    repository = name[2].partition(":")[0]
    is_official = name[0] in ("", "docker.io", "docker.io/library", "library") or name[0].endswith(
        ("/docker/library", "/library")  # mirrors such as public.ecr.aws/docker/library
    )
    return repository if is_official else ""


_HEREDOC = re.compile(r"<<-?(['\"]?)(\w+)\1")
_FLAGS = re.compile(r"\A(?:--[\w-]+(?:=\S*)?\s+)+")


def parse_instructions(text: str, name: str) -> Iterator[Instruction]:
    """Yield the instructions; lines of heredocs are kept apart from them."""
    lines = text.split("\n")
    escape = "`" if re.match(r"\A(#.*\n)*#\s*escape\s*=\s*`", text, re.IGNORECASE) else "\\"
    at = 0
    while at < len(lines):
        start = at
        parts: list[str] = []
        while at < len(lines):
            line = lines[at].strip()
            at += 1
            if line.startswith("#") or (parts and not line):
                continue
            parts.append(line.removesuffix(escape))
            if not line.endswith(escape):
                break
        joined = " ".join(part.strip() for part in parts).strip()
        heredocs, at = _take_heredocs(joined, lines, at)
        word, _, rest = joined.partition(" ")
        if word:
            start = _first_line(lines, start)
            yield Instruction(word.upper(), rest.strip(), f"{name}:{start + 1}", heredocs)


def _first_line(lines: Sequence[str], at: int) -> int:
    """Skip the comments and empty lines before an instruction."""
    while at < len(lines) - 1 and (not lines[at].strip() or lines[at].strip().startswith("#")):
        at += 1
    return at


def _take_heredocs(joined: str, lines: Sequence[str], at: int) -> tuple[str, int]:
    taken: list[str] = []
    if joined.partition(" ")[0].upper() in ("RUN", "COPY", "ADD"):
        for match in _HEREDOC.finditer(joined):
            while at < len(lines) and lines[at].strip() != match[2]:
                taken.append(lines[at])
                at += 1
            at += 1
    return "\n".join(taken), at


def parse_image(text: str, name: str, target: str | None = None) -> Image | None:
    """Return the image of the last stage, or of the stage `target`; None if there is none."""
    stages: dict[str, Image] = {}
    image: Image | None = None
    for instruction in parse_instructions(text, name):
        if instruction.name == "FROM":
            if image is not None and target is not None and stages.get(target) is not None:
                break
            image = _start_stage(instruction, name, stages)
        elif image is not None:
            image = _apply(image, instruction)
        if image is not None:
            stages[list(stages)[-1]] = image
    return stages.get(target) if target is not None else image


def _start_stage(instruction: Instruction, name: str, stages: dict[str, Image]) -> Image:
    words = _FLAGS.sub("", f"{instruction.text} ").split()
    base = words[0] if words else ""
    stage = words[2] if len(words) > 2 and words[1].lower() == "as" else f"stage {len(stages)}"
    parent = stages.get(base)
    image = parent or Image(name, base)
    stages.pop(stage, None)
    stages[stage] = image
    return image


def _apply(image: Image, instruction: Instruction) -> Image:
    name, text, where = instruction.name, instruction.text, instruction.where
    if name == "ENV":
        return replace(image, env=image.env.merged_with(_parse_env(text, where)))
    if name == "SHELL":
        return replace(image, shell=tuple(_json_words(text) or image.shell))
    if name == "ENTRYPOINT":
        return replace(image, entrypoint=_parse_command(text, where, image.shell))
    if name == "CMD":
        return replace(image, command=_parse_command(text, where, image.shell))
    if name == "EXPOSE":
        ports = tuple(Node(where, port.partition("/")[0]) for port in text.split())
        return replace(image, ports=image.ports + ports)
    if name == "STOPSIGNAL":
        return replace(image, stop_signal=Node(where, text))
    if name == "HEALTHCHECK":
        return replace(image, health_check=_parse_health_check(text, where, image.shell))
    if name in ("RUN", "COPY", "ADD"):
        return replace(image, installs=f"{image.installs}\n{text}\n{instruction.heredoc}")
    return image


def _parse_health_check(text: str, where: str, shell: tuple[str, ...]) -> Command | None:
    kind, _, rest = _FLAGS.sub("", f"{text} ").strip().partition(" ")
    return _parse_command(rest.strip(), where, shell) if kind.upper() == "CMD" else None


def _json_words(text: str) -> list[str] | None:
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_list = isinstance(words, list) and all(isinstance(word, str) for word in words)
    return words if is_list else None


def _parse_command(text: str, where: str, shell: tuple[str, ...]) -> Command:
    words = _json_words(text)
    if words is not None:
        return Command(tuple(words), where)
    return Command((*shell, text), where, is_shell_form=True)


def _parse_env(text: str, where: str) -> Environment:
    try:
        words = shlex.split(text)
    except ValueError:
        return Environment(is_open=True)
    if words and "=" not in words[0]:
        name, _, value = text.partition(" ")
        return Environment({name: Node(where, value.strip())})
    pairs = (word.partition("=") for word in words if "=" in word)
    return Environment({name: Node(where, value) for name, _, value in pairs})
