"""Launches: how a command, through wrappers, shells and scripts, starts a WSGI server."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.deployment.command import Command
from wsgi_observe.doctor.deployment.files import Folder
from wsgi_observe.doctor.deployment.lines import join_lines

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
_ANYTHING = re.compile("")
_NOTHING = Command((), "")
_MAX_DEPTH = 5


@dataclass(frozen=True)
class Launch:
    """The start of a WSGI server.

    :param options: the server's own command line, without its name.
    :param obstacle: why signals to process 1 do not reach the server.
    :param is_unbuffered: whether Python is started with ``-u``.
    """

    program: str
    options: Command
    obstacle: Fault | None = None
    is_unbuffered: bool = False


@dataclass(frozen=True)
class _Simple:
    """A simple command of a shell's text."""

    command: Command
    is_last: bool = False
    is_piped: bool = False
    is_background: bool = False
    is_redirected: bool = False


@dataclass(frozen=True)
class LaunchFinder:
    """Finds launches in commands.

    :param near: the folder in which scripts are looked for first.
    :param is_dash: whether ``sh`` is known to be dash, which replaces itself by no command.
    """

    folder: Folder
    near: str = ""
    is_dash: bool = False
    _scripts: dict[Command, Launch | None] = field(default_factory=dict)

    def find(
        self, command: Command, arguments: Command = _NOTHING, depth: int = 0
    ) -> Launch | None:
        """Return the launch that a command is, or leads to; None if there is none.

        :param arguments: the values of a script's ``"$@"``.
        """
        words = _skip_wrappers(command.words)
        if not words or depth > _MAX_DEPTH or _NOT_SERVING & set(words):
            return None
        launch = self._find(Command(words, command.where), arguments, depth + 1)
        is_signalled = launch is not None and _signals_a_group(command.words)
        return replace(launch, obstacle=None) if launch and is_signalled else launch

    def _find(self, command: Command, arguments: Command, depth: int) -> Launch | None:
        words = command.words
        name = PurePosixPath(words[0]).name
        if name in SERVERS:
            return Launch(name, command.after(1))
        if name.startswith("python"):
            return _find_module(command)
        if name in _SHELLS:
            return self._find_in_shell(command, arguments, depth)
        if words[0] == "$@":
            return self.find(arguments, depth=depth)
        return self._find_in_script(command, depth)

    def _find_in_shell(self, command: Command, arguments: Command, depth: int) -> Launch | None:
        words = command.words
        at = 1
        while at < len(words) and words[at].startswith(("-", "+")):
            option = words[at]
            at += 2 if option in ("-o", "+o") else 1
            if not option.startswith("--") and "c" in option and at < len(words):
                simples = [
                    replace(simple, command=replace(simple.command, where=command.where))
                    for simple in _parse_shell(words[at], "")
                ]
                own = command.after(at + 2)
                shell = PurePosixPath(words[0]).name
                return self._find_in(simples, shell, own if own.words else arguments, depth)
        return self._find_in_script(command.after(at), depth) if at < len(words) else None

    def _find_in_script(self, command: Command, depth: int) -> Launch | None:
        path = command.words[0]
        looks_like_script = path.endswith((".sh", ".bash")) or "entrypoint" in path
        may_be_script = looks_like_script or "/" in path
        name = self.folder.find(path, self.near) if may_be_script else None
        text = self.folder.read(name) if name else None
        if text is None or name is None or not _is_shell_script(name, text):
            # A script that is not there mostly ends in `exec "$@"`.
            return self.find(command.after(1), depth=depth) if looks_like_script else None
        if command not in self._scripts:
            self._scripts[command] = None  # for a script that runs itself
            simples = list(_parse_shell(text, name))
            self._scripts[command] = self._find_in(simples, "script", command.after(1), depth)
        return self._scripts[command]

    def _find_in(
        self, simples: Sequence[_Simple], shell: str, arguments: Command, depth: int
    ) -> Launch | None:
        has_trap = any(simple.command.words[0] == "trap" for simple in simples)
        launches = []
        for simple in simples:
            launch = self.find(simple.command, arguments, depth)
            if launch is not None:
                obstacle = launch.obstacle or self._find_obstacle(simple, launch.program, shell)
                launches.append(replace(launch, obstacle=None if has_trap else obstacle))
        # Of several, some are for development: the first one that gets signals, if there is one.
        return min(launches, key=lambda launch: launch.obstacle is not None, default=None)

    def _find_obstacle(self, simple: _Simple, program: str, shell: str) -> Fault | None:
        where = simple.command.where
        runs_on = "SIGTERM reaches the shell, which does not pass it on"
        if simple.is_piped:
            seen = f"{program} is part of a pipeline: {runs_on}"
            return Fault(seen, f"start {program} without the pipe: exec {program} …", where)
        if simple.is_background:
            seen = f"{program} runs in the background of a shell: {runs_on}"
            return Fault(seen, f"start one process in a container: exec {program} …", where)
        if _has_exec(simple.command.words):
            return None
        if shell == "bash" and simple.is_last and not simple.is_redirected:
            return None  # `bash -c` replaces itself by its last command (measured, 5.2)
        if shell == "script":
            seen = f"the script starts {program} without exec and stays the main process: {runs_on}"
            return Fault(seen, f"put exec before it: exec {program} …", where)
        seen = f"a shell is the main process and {program} its child: {runs_on}"
        remedy = f'use a list of words: CMD ["{program}", …], or: sh -c "exec {program} …"'
        depends_on_shell = simple.is_last and shell != "bash" and not self.is_dash
        return Fault(seen, remedy, where, is_warning=depends_on_shell)


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


def _find_module(command: Command) -> Launch | None:
    """Return the launch by ``python -m gunicorn``, or by the path of a server's script."""
    words = command.words
    is_unbuffered = False
    at = 1
    while at < len(words) and words[at].startswith("-"):
        option = words[at]
        at += 2 if option in ("-W", "-X") else 1
        is_unbuffered |= not option.startswith(("-m", "-W", "-X", "--")) and "u" in option
        if option == "-m":
            program = _MODULES.get(words[at]) if at < len(words) else None
            break
    else:
        name = PurePosixPath(words[at]).name if at < len(words) else ""
        program = name if name in SERVERS else None
    options = command.after(at + 1)
    return Launch(program, options, is_unbuffered=is_unbuffered) if program else None


def _skip_wrappers(words: tuple[str, ...]) -> tuple[str, ...]:
    """Remove assignments and wrappers such as ``tini --``, which pass signals on."""
    while words:
        name = PurePosixPath(words[0]).name
        if _ASSIGNMENT.match(words[0]) or name in _KEYWORDS:
            words = words[1:]
        elif name in _WRAPPERS:
            words = _skip_to_program(words[1:])
        else:
            break
    return words


def _skip_to_program(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words from the first one that is a server, a shell, a script or Python on."""
    if "--" in words:
        return words[words.index("--") + 1 :]
    known = SERVERS | _SHELLS | _WRAPPERS
    for index, word in enumerate(words):
        name = PurePosixPath(word).name
        is_script = word.endswith(".sh") or "entrypoint" in name or word == "$@"
        if name in known or is_script or re.fullmatch(r"python[\d.]*", name):
            return words[index:]
    return ()


def _parse_shell(text: str, name: str) -> Iterator[_Simple]:
    """Yield the simple commands of a shell's text, as far as it can be split into words."""
    lines = list(join_lines(text, heredocs=_ANYTHING))
    for line in lines:
        simples = list(_split_line(line.text, f"{name}:{line.number}"))
        for simple in simples:
            is_last = line is lines[-1] and simple is simples[-1]
            yield replace(simple, is_last=is_last)


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
        plain = _remove_redirections(words)
        if plain:
            yield _Simple(
                Command(tuple(plain), where),
                is_piped=is_piped or was_piped,
                is_background=token == "&",
                is_redirected=len(plain) < len(words),
            )
        words, was_piped = [], is_piped


def _remove_redirections(words: Sequence[str]) -> list[str]:
    plain: list[str] = []
    rest = iter(words)
    for word in rest:
        if not re.fullmatch(r"&?[<>]+[&|]?", word):
            plain.append(word)
            continue
        next(rest, None)
        if plain and plain[-1].isdigit():
            plain.pop()
    return plain
