"""Gunicorn's settings, as its command line, its environment and its config file have them.

Nothing is executed: a setting of a config file is known if a literal is assigned to it.
"""

from __future__ import annotations

import argparse
import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from wsgi_observe.doctor.deployment.command import Command, split_words
from wsgi_observe.doctor.deployment.duration import Duration
from wsgi_observe.doctor.deployment.environment import Environment
from wsgi_observe.doctor.deployment.files import Folder
from wsgi_observe.doctor.deployment.tree import Node


@dataclass(frozen=True)
class GunicornFacts:
    """What is known of the app from having loaded it.

    :param settings: of Gunicorn, evaluated from the config file that the command was given.
    :param max_check_timeout: the longest timeout of the app's readiness checks.
    """

    settings: Mapping[str, object] = field(default_factory=dict)
    max_check_timeout: float | None = None


_DEFAULTS = {
    "timeout": Node("", "30"),
    "graceful_timeout": Node("", "30"),
    "keepalive": Node("", "2"),
    "worker_class": Node("", "sync"),
    "threads": Node("", "1"),
    "worker_tmp_dir": Node(""),
    "forwarded_allow_ips": Node("", "127.0.0.1,::1"),
    "bind": Node("", "127.0.0.1:8000"),
    "daemon": Node("", "False"),
    "accesslog": Node(""),
    "errorlog": Node("", "-"),
    "logger_class": Node("", "gunicorn.glogging.Logger"),
}
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], float]] = {
    ast.Mult: operator.mul,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
}


@dataclass
class _Source:
    """Settings of one source, None for those that are not known.

    :ivar is_open: whether it may have others than those.
    """

    values: dict[str, Node | None] = field(default_factory=dict)
    is_open: bool = False


class GunicornSettings:
    """The effective settings of one Gunicorn, each with its place; that of a default is empty."""

    def __init__(self, sources: Sequence[_Source], facts: GunicornFacts | None) -> None:
        self._known: dict[str, Node | None] = {}
        for source in [*sources, _Source({**_DEFAULTS})]:
            self._known = {**source.values, **self._known}
            if source.is_open:
                break
        self._facts = facts.settings if facts else {}

    def get(self, name: str) -> Node | None:
        """Return a setting; None if it is not known."""
        known = self._known.get(name)
        if known is None and name in self._facts:
            return _to_node(self._facts[name], "Gunicorn's configuration of the app")
        return known

    def duration(self, name: str) -> Duration | None:
        """Return a setting that is a number of seconds; None if it is not known."""
        setting = self.get(name)
        number = setting.number if setting else None
        return None if setting is None or number is None else Duration(number, setting.where, name)

    @property
    def worker_kind(self) -> str | None:
        """The kind of worker: ``sync``, ``gthread``, ``gevent``…; None if it is not known."""
        worker_class, threads = self.get("worker_class"), self.get("threads")
        if worker_class is None:
            return None
        kind = re.split("[:.]", worker_class.text or "")[-1].lower().removesuffix("worker")
        if kind != "sync":
            return kind
        if threads is None or threads.number is None:
            return None
        return "gthread" if threads.number > 1 else "sync"

    @property
    def is_observed(self) -> bool:
        """Whether it certainly logs by the logger class of this library."""
        logger = self.get("logger_class")
        return logger is not None and "wsgi_observe" in (logger.text or "")

    @property
    def binds(self) -> list[str]:
        """The addresses that it listens to; none if they are not known."""
        setting = self.get("bind") or Node("")
        binds = setting.texts or [setting.text or ""]
        return [part.strip() for bind in binds for part in bind.split(",") if part.strip()]


UNKNOWN = GunicornSettings([_Source(is_open=True)], None)
"""Those of a process that is no Gunicorn."""


def _to_node(value: object, where: str) -> Node:
    if isinstance(value, list | tuple):
        return Node(where, [_to_node(item, where) for item in value])
    return Node(where, None if value is None else str(value))


def read_settings(
    command: Command, env: Environment, folder: Folder, near: str, facts: GunicornFacts | None
) -> GunicornSettings:
    """Return the settings of a Gunicorn that is started by ``gunicorn`` with these words.

    :param near: the folder that is its working directory, as far as that is known.
    """
    command_line = _parse_options(command)
    variable = env.get("GUNICORN_CMD_ARGS")
    # A Secret may have GUNICORN_CMD_ARGS, which is how the logger class is set without a change.
    environment = _Source({"logger_class": None} if env.is_open else {})
    if variable:
        words = split_words(variable.text or "")
        # What cannot be split may be anything.
        environment = _parse_options(Command(("$",) if words is None else words, variable.where))
    config = {**environment.values, **command_line.values}.get("config", Node(""))
    config_file = _read_config(config, folder, near, facts)
    sources = [command_line, environment, config_file, _read_other_variables(env)]
    return GunicornSettings(sources, facts)


def _read_other_variables(env: Environment) -> _Source:
    """Return the defaults that Gunicorn takes from variables: the address, trusted proxies."""
    source = _Source()
    for name, variable in (("bind", "PORT"), ("forwarded_allow_ips", "FORWARDED_ALLOW_IPS")):
        node = env.get(variable)
        prefix = "0.0.0.0:" if variable == "PORT" else ""
        if node.known_text is not None:
            source.values[name] = Node(node.where, f"{prefix}{node.known_text}")
        elif not env.is_unset(variable):
            source.values[name] = None
    return source


class _Parser(argparse.ArgumentParser):
    """A parser that leaves it to its caller what an error means."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


_PARSER = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
_PARSER.add_argument("-b", "--bind", action="append")
_PARSER.add_argument("-c", "--config")
_PARSER.add_argument("-D", "--daemon", action="store_const", const="True")
_PARSER.add_argument("-k", "--worker-class")
_PARSER.add_argument("-t", "--timeout")
_PARSER.add_argument("--access-logfile", dest="accesslog")
_PARSER.add_argument("--error-logfile", "--log-file", dest="errorlog")
_PARSER.add_argument("--forwarded-allow-ips")
_PARSER.add_argument("--graceful-timeout")
_PARSER.add_argument("--keep-alive", dest="keepalive")
_PARSER.add_argument("--logger-class")
_PARSER.add_argument("--threads")
_PARSER.add_argument("--worker-tmp-dir")


def _parse_options(command: Command) -> _Source:
    try:
        options, others = _PARSER.parse_known_args(command.words)
    except ValueError:
        return _Source(is_open=True)
    values = {
        name: None if "$" in str(value) else _to_node(value, command.where)
        for name, value in vars(options).items()
    }
    # Words that a shell replaces may be any options.
    return _Source(values, is_open=any(word.startswith(("$", "`")) for word in others))


def _read_config(
    config: Node | None, folder: Folder, near: str, facts: GunicornFacts | None
) -> _Source:
    if config is None:
        return _Source(is_open=True)
    path = config.text
    if path is None:
        beside = f"{near}/gunicorn.conf.py" if near else "gunicorn.conf.py"
        if beside in folder.names:
            return _parse_config(folder, beside)
        elsewhere = any(name.endswith("gunicorn.conf.py") for name in folder.names)
        return _Source(is_open=elsewhere or bool(facts and facts.settings))
    if path == "python:wsgi_observe.gunicorn":
        return _Source({"logger_class": Node(config.where, "wsgi_observe.gunicorn.Logger")})
    if path.startswith("python:"):
        path = path.removeprefix("python:").replace(".", "/") + ".py"
    name = folder.find(path.removeprefix("file:"), near)
    return _parse_config(folder, name) if name else _Source(is_open=True)


def _parse_config(folder: Folder, name: str) -> _Source:
    text = folder.read(name)
    if text is None:
        return _Source(is_open=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # as of an escape like "\d", which is not ours to report
            module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        folder.report(f"the file is not valid Python: {error}", f"{name}:{line}")
        return _Source(is_open=True)
    source = _Source()
    # Functions first: what they assign is their own, unless nothing else assigns it.
    for statement in sorted(module.body, key=lambda item: not isinstance(item, _SCOPES)):
        for node in ast.walk(statement):
            _forget_names(node, source)
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            value = _read_literal(statement.value, f"{name}:{statement.lineno}")
            several = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in several:
                if isinstance(target, ast.Name):
                    source.values[target.id] = value
    return source


def _forget_names(node: ast.AST, source: _Source) -> None:
    """Make unknown what a part of a config assigns, unless it is a literal."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        source.values[node.id] = None
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if alias.name == "*" and (node.module or "").startswith("wsgi_observe.gunicorn"):
                source.values["logger_class"] = Node("", "wsgi_observe.gunicorn.Logger")
            elif alias.name == "*":
                source.is_open = True
            else:
                source.values[alias.asname or alias.name] = None
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        source.is_open |= node.func.id in ("exec", "globals", "locals", "vars", "setattr")


def _read_literal(node: ast.expr, where: str) -> Node | None:
    try:
        return _to_node(_evaluate(node), where)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _evaluate(node: ast.expr) -> object:
    """Return the value of a literal, or of a product, sum or difference of numbers."""
    if not (isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS):
        return ast.literal_eval(node)
    left, right = _evaluate(node.left), _evaluate(node.right)
    if isinstance(left, int | float) and isinstance(right, int | float):
        return _OPERATORS[type(node.op)](left, right)
    raise ValueError("not a number")
