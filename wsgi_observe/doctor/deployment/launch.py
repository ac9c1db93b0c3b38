"""Launches: how a command, through wrappers, shells and scripts, starts a WSGI server."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from wsgi_observe.doctor.deployment.files import Folder

SERVERS = {"gunicorn", "uwsgi", "waitress-serve", "granian"}
_MODULES = {"gunicorn": "gunicorn", "waitress": "waitress-serve", "granian": "granian"}
_SHELLS = {"sh", "bash", "dash", "ash", "zsh", "ksh"}
_INITS = {"tini", "dumb-init", "catatonit", "docker-init"}
_WRAPPERS = {
    *_INITS,
    *("env", "exec", "nice", "ionice", "nohup", "stdbuf", "time", "timeout", "setpriv", "chpst"),
    *("gosu", "su-exec", "sudo", "runuser", "setuidgid", "s6-setuidgid"),
    *("poetry", "pipenv", "uv", "pdm", "hatch", "rye", "conda", "micromamba", "pixi"),
    *("newrelic-admin", "ddtrace-run", "opentelemetry-instrument", "aws-xray"),
    *("doppler", "chamber", "infisical", "envconsul", "op", "berglas"),
    *("wait-for-it", "wait-for", "dockerize", "wait-for-it.sh", "wait-for.sh"),
}
_KEYWORDS = {"then", "else", "elif", "do", "if", "while", "until", "!", "{", "(", "time"}
_NOT_SERVING = {"--check-config", "--print-config", "--version", "--help"}
_SEPARATORS = re.compile(r"[;&|()]+")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_MAX_DEPTH = 5

_Args = tuple[Sequence[str], str]


@dataclass(frozen=True)
class Obstacle:
    """Why signals to process 1 do not reach the server."""

    seen: str
    where: str
    remedy: str
    is_warning: bool = False


@dataclass(frozen=True)
class Launch:
    """The start of a WSGI server.

    :param words: of the server's own command line, without its name.
    :param is_unbuffered: whether Python is started with ``-u``.
    """

    program: str
    words: tuple[str, ...]
    where: str
    obstacle: Obstacle | None = None
    is_unbuffered: bool = False


@dataclass(frozen=True)
class _Simple:
    """A simple command of a shell's text."""

    words: tuple[str, ...]
    where: str
    is_last: bool = False
    is_piped: bool = False
    is_background: bool = False
    is_redirected: bool = False


class LaunchFinder:
    """Finds launches in commands.

    :param near: the folder in which scripts are looked for first.
    :param is_dash: whether ``sh`` is known to be dash, which replaces itself by no command.
    """

    def __init__(self, folder: Folder, near: str = "", is_dash: bool = False) -> None:
        self._folder = folder
        self._near = near
        self._is_dash = is_dash

    def find(
        self, words: Sequence[str], where: str, args: _Args = ((), ""), depth: int = 0
    ) -> Launch | None:
        """Return the launch that a command is, or leads to; None if there is none.

        :param args: the values of a script's ``"$@"``, and their place.
        """
        launch = self._find(_skip_wrappers(words), where, args, depth)
        is_signalled = launch is not None and _signals_a_group(words)
        return replace(launch, obstacle=None) if launch and is_signalled else launch

    def _find(self, words: Sequence[str], where: str, args: _Args, depth: int) -> Launch | None:
        if not words or depth > _MAX_DEPTH or _NOT_SERVING & set(words):
            return None
        name = PurePosixPath(words[0]).name
        if name in SERVERS:
            return Launch(name, tuple(words[1:]), where)
        if name.startswith("python"):
            return _find_module(words, where)
        if name in _SHELLS:
            return self._find_in_shell(words, where, args, depth)
        if words[0] == "$@":
            return self.find(*args, depth=depth + 1)
        return self._find_in_script(words[0], words[1:], where, depth)

    def _find_in_shell(
        self, words: Sequence[str], where: str, args: _Args, depth: int
    ) -> Launch | None:
        rest = list(words[1:])
        while rest and rest[0].startswith(("-", "+")):
            option = rest.pop(0)
            if option in ("-o", "+o"):
                rest = rest[1:]
            elif not option.startswith("--") and "c" in option and rest:
                simples = list(_parse_shell(rest[0], where, has_lines=False))
                shell = PurePosixPath(words[0]).name
                inner = (rest[2:], where) if rest[2:] else args
                return self._find_in(simples, shell, inner, depth)
        return self._find_in_script(rest[0], rest[1:], where, depth) if rest else None

    def _find_in_script(
        self, path: str, args: Sequence[str], where: str, depth: int
    ) -> Launch | None:
        looks_like_script = path.endswith((".sh", ".bash")) or "entrypoint" in path
        may_be_script = looks_like_script or "/" in path
        name = self._folder.find(path, self._near) if may_be_script else None
        text = self._folder.read(name) if name else None
        if text is None or name is None or not _is_shell_script(name, text):
            # A script that is not there mostly ends in `exec "$@"`.
            return self.find(args, where, depth=depth + 1) if looks_like_script else None
        return self._find_in(list(_parse_shell(text, name)), "script", (args, where), depth)

    def _find_in(
        self, simples: Sequence[_Simple], shell: str, args: _Args, depth: int
    ) -> Launch | None:
        has_trap = any(simple.words[0] == "trap" for simple in simples)
        for simple in simples:
            launch = self.find(simple.words, simple.where, args, depth + 1)
            if launch is None:
                continue
            obstacle = launch.obstacle or self._find_obstacle(simple, launch, shell)
            return replace(launch, obstacle=None if has_trap else obstacle)
        return None

    def _find_obstacle(self, simple: _Simple, launch: Launch, shell: str) -> Obstacle | None:
        program, where = launch.program, simple.where
        runs_on = "SIGTERM reaches the shell, which does not pass it on"
        if simple.is_piped:
            seen = f"{program} is part of a pipeline: {runs_on}"
            remedy = f"start {program} without the pipe: exec {program} …"
            return Obstacle(seen, where, remedy)
        if simple.is_background:
            seen = f"{program} runs in the background of a shell: {runs_on}"
            return Obstacle(seen, where, f"start one process in a container: exec {program} …")
        if _has_exec(simple.words):
            return None
        is_replaced = shell == "bash" and simple.is_last and not simple.is_redirected
        if is_replaced:
            return None  # `bash -c` replaces itself by its last command (measured, 5.2)
        if shell == "script":
            seen = f"the script starts {program} without exec and stays the main process: {runs_on}"
            return Obstacle(seen, where, f"put exec before it: exec {program} …")
        seen = f"a shell is the main process and {program} its child: {runs_on}"
        remedy = f'use a list of words: CMD ["{program}", …], or: sh -c "exec {program} …"'
        depends_on_shell = simple.is_last and shell != "bash" and not self._is_dash
        return Obstacle(seen, where, remedy, is_warning=depends_on_shell)


def _signals_a_group(words: Sequence[str]) -> bool:
    """Return whether an init passes signals on to all processes, not to its child alone."""
    name = PurePosixPath(words[0]).name if words else ""
    return name == "dumb-init" or (name == "tini" and "-g" in words)


def _has_exec(words: Sequence[str]) -> bool:
    rest = (word for word in words if word not in _KEYWORDS and not _ASSIGNMENT.match(word))
    return next(rest, "") == "exec"


def _is_shell_script(name: str, text: str) -> bool:
    first = text.partition("\n")[0]
    if first.startswith("#!"):
        return bool(re.search(r"\b(?:ba|da|a|z|k)?sh\b", first))
    return name.endswith((".sh", ".bash"))


def _find_module(words: Sequence[str], where: str) -> Launch | None:
    """Return the launch by ``python -m gunicorn``, or by the path of a server's script."""
    options = list(words[1:])
    is_unbuffered = False
    while options and options[0].startswith("-"):
        option = options.pop(0)
        is_unbuffered |= not option.startswith(("-m", "-W", "-X", "--")) and "u" in option
        if option in ("-W", "-X"):
            options = options[1:]
        if option == "-m" and options:
            program = _MODULES.get(options[0])
            rest = tuple(options[1:])
            return Launch(program, rest, where, is_unbuffered=is_unbuffered) if program else None
    if options and PurePosixPath(options[0]).name in SERVERS:
        name = PurePosixPath(options[0]).name
        return Launch(name, tuple(options[1:]), where, is_unbuffered=is_unbuffered)
    return None


def _skip_wrappers(words: Sequence[str]) -> list[str]:
    """Remove assignments and wrappers such as ``tini --``, which pass signals on."""
    rest = list(words)
    while rest:
        name = PurePosixPath(rest[0]).name
        if _ASSIGNMENT.match(rest[0]) or name in _KEYWORDS:
            rest = rest[1:]
        elif name in _WRAPPERS:
            rest = _skip_to_program(rest[1:])
        else:
            return rest
    return rest


def _skip_to_program(words: Sequence[str]) -> list[str]:
    """Return the words from the first one that is a server, a shell, a script or Python on."""
    if "--" in words:
        return list(words[words.index("--") + 1 :])
    for index, word in enumerate(words):
        name = PurePosixPath(word).name
        known = SERVERS | _SHELLS | _WRAPPERS
        is_script = word.endswith(".sh") or "entrypoint" in name or word == "$@"
        if name in known or is_script or re.fullmatch(r"python[\d.]*", name):
            return list(words[index:])
    return []


def _parse_shell(text: str, where: str, has_lines: bool = True) -> Iterator[_Simple]:
    """Yield the simple commands of a shell's text, as far as it can be split into words.

    :param where: the file; the place itself if the text has no lines of its own.
    """
    lines = list(_logical_lines(text))
    for index, (number, line) in enumerate(lines):
        place = f"{where}:{number}" if has_lines else where
        commands = list(_split_line(line, place))
        for position, command in enumerate(commands):
            is_last = index == len(lines) - 1 and position == len(commands) - 1
            yield replace(command, is_last=is_last)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers, continued ones joined, without heredocs."""
    lines = iter(enumerate(text.split("\n"), 1))
    for number, line in lines:
        while line.endswith("\\"):
            following = next(lines, None)
            line = line[:-1] + " " + (following[1] if following else "")
        heredoc = re.search(r"<<-?\s*(['\"]?)(\w+)\1", line)
        if heredoc:
            for _, content in lines:
                if content.strip() == heredoc[2]:
                    break
        if line.strip() and not line.strip().startswith("#"):
            yield number, line


def _split_line(line: str, where: str) -> Iterator[_Simple]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        tokens = list(lexer)
    except ValueError:
        return
    words: list[str] = []
    was_piped = False
    for token in [*tokens, ";"]:
        if not _SEPARATORS.fullmatch(token):
            words.append(token)
            continue
        is_piped = token in ("|", "|&")
        plain, is_redirected = _remove_redirections(words)
        if plain:
            yield _Simple(
                tuple(plain),
                where,
                is_piped=is_piped or was_piped,
                is_background=token == "&",
                is_redirected=is_redirected,
            )
        words, was_piped = [], is_piped


def _remove_redirections(words: Sequence[str]) -> tuple[list[str], bool]:
    plain: list[str] = []
    rest = iter(words)
    is_redirected = False
    for word in rest:
        if not re.fullmatch(r"&?[<>]+[&|]?", word):
            plain.append(word)
            continue
        is_redirected = True
        next(rest, None)
        if plain and plain[-1].isdigit():
            plain.pop()
    return plain, is_redirected
