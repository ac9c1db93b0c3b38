"""Gunicorn's settings, as its command line, its environment and its config file have them.

Nothing is executed: a setting of a config file is known if a literal is assigned to it.
"""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wsgi_observe.doctor.deployment.environment import Environment
from wsgi_observe.doctor.deployment.files import Folder


@dataclass(frozen=True)
class GunicornFacts:
    """What is known of the app from having loaded it.

    :param settings: of Gunicorn, evaluated from the config file that the command was given.
    :param max_check_timeout: the longest timeout of the app's readiness checks.
    """

    settings: Mapping[str, object] = field(default_factory=dict)
    max_check_timeout: float | None = None


@dataclass(frozen=True)
class Setting:
    """A setting's value, and the place where it is set; none if it is the default."""

    value: object
    where: str | None = None

    @property
    def number(self) -> float | None:
        """The value as a number."""
        try:
            return float(self.value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return None

    def describe(self, unit: str = " s") -> str:
        """Return the value with its unit, and whether it is Gunicorn's default."""
        number = self.number
        text = f"{number:g}{unit}" if number is not None else str(self.value)
        return text if self.where else f"{text} (Gunicorn's default)"


_DEFAULTS: dict[str, object] = {
    "timeout": 30,
    "graceful_timeout": 30,
    "keepalive": 2,
    "worker_class": "sync",
    "threads": 1,
    "worker_tmp_dir": None,
    "forwarded_allow_ips": "127.0.0.1,::1",
    "bind": ["127.0.0.1:8000"],
    "daemon": False,
    "accesslog": None,
    "errorlog": "-",
    "logger_class": "gunicorn.glogging.Logger",
}
_UNKNOWN = object()

_OPTIONS = {
    **{f"--{name.replace('_', '-')}": name for name in _DEFAULTS},
    "--keep-alive": "keepalive",
    "--access-logfile": "accesslog",
    "--error-logfile": "errorlog",
    "--log-file": "errorlog",
    "--config": "config",
    "-t": "timeout",
    "-k": "worker_class",
    "-b": "bind",
    "-c": "config",
    "-D": "daemon",
    "--chdir": "chdir",
}
_FLAGS = {"daemon"}
_SHORT_WITH_VALUE = "bcwktepnugm"


class GunicornSettings:
    """The effective settings of one Gunicorn."""

    def __init__(self, layers: Sequence[_Layer], facts: GunicornFacts | None) -> None:
        self._layers = layers
        self._facts = facts.settings if facts else {}

    def get(self, name: str) -> Setting | None:
        """Return a setting; None if it is not known."""
        for layer in self._layers:
            if name in layer.values:
                setting = layer.values[name]
                return self._from_facts(name) if setting.value is _UNKNOWN else setting
            if layer.is_open:
                return self._from_facts(name)
        return Setting(_DEFAULTS[name])

    def _from_facts(self, name: str) -> Setting | None:
        if name in self._facts:
            return Setting(self._facts[name], "Gunicorn's configuration of the app")
        return None

    def number(self, name: str) -> Setting | None:
        """Return a setting that is a number; None if it is not known."""
        setting = self.get(name)
        return setting if setting is not None and setting.number is not None else None

    @property
    def worker_kind(self) -> str | None:
        """The kind of worker: ``sync``, ``gthread``, ``gevent``…; None if it is not known."""
        worker_class, threads = self.get("worker_class"), self.number("threads")
        if worker_class is None:
            return None
        kind = str(worker_class.value).rpartition(":")[2].rpartition(".")[2].lower()
        kind = kind.removesuffix("worker")
        if kind != "sync":
            return kind
        if threads is None:
            return None
        return "gthread" if (threads.number or 1) > 1 else "sync"

    @property
    def is_observed(self) -> bool:
        """Whether it certainly logs by the logger class of this library."""
        logger = self.get("logger_class")
        return logger is not None and "wsgi_observe" in str(logger.value)

    @property
    def binds(self) -> list[str] | None:
        """The addresses that it listens to; None if they are not known."""
        setting = self.get("bind")
        if setting is None:
            return None
        binds = setting.value if isinstance(setting.value, (list, tuple)) else [setting.value]
        return [part.strip() for bind in binds for part in str(bind).split(",")]


@dataclass
class _Layer:
    """Settings of one source; open if it may have others than those."""

    values: dict[str, Setting] = field(default_factory=dict)
    is_open: bool = False


def read_settings(
    words: Sequence[str],
    where: str,
    env: Environment,
    folder: Folder,
    near: str,
    facts: GunicornFacts | None,
) -> GunicornSettings:
    """Return the settings of a Gunicorn that is started by ``gunicorn`` with these words.

    :param near: the folder that is its working directory, as far as that is known.
    """
    command_line = _parse_words(words, where)
    variable = env.get("GUNICORN_CMD_ARGS")
    environment = _Layer()
    if variable:
        text = variable.text or ""
        environment = _parse_words(_split(text), variable.where)
    config = command_line.values.pop("config", None) or environment.values.pop("config", None)
    layers = [command_line, environment, _read_config(config, folder, near, facts)]
    return GunicornSettings([*layers, _read_other_variables(env)], facts)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return ["$"]  # what cannot be split may be anything


def _read_other_variables(env: Environment) -> _Layer:
    """Return the defaults that Gunicorn takes from variables: the address, trusted proxies."""
    layer = _Layer()
    for name, variable in (("bind", "PORT"), ("forwarded_allow_ips", "FORWARDED_ALLOW_IPS")):
        node = env.get(variable)
        if node:
            text = node.known_text
            value = f"0.0.0.0:{text}" if variable == "PORT" else text
            layer.values[name] = Setting(_UNKNOWN if text is None else value, node.where)
        elif not env.is_unset(variable):
            layer.values[name] = Setting(_UNKNOWN)
    return layer


def _parse_words(words: Sequence[str], where: str) -> _Layer:
    layer = _Layer()
    binds: list[str] = []
    for option, value in _options(words, layer):
        name = _OPTIONS.get(option)
        if name is None:
            continue
        if name == "bind":
            binds.append(value or "$")
        setting: object = True if name in _FLAGS else value
        if name not in _FLAGS and (value is None or "$" in value):
            setting = _UNKNOWN
        layer.values[name] = Setting(setting, where)
    if binds:
        known = _UNKNOWN if any("$" in bind for bind in binds) else binds
        layer.values["bind"] = Setting(known, where)
    return layer


def _options(words: Sequence[str], layer: _Layer) -> Iterator[tuple[str, str | None]]:
    """Yield the options with their values; words that a shell replaces make the layer open."""
    rest = iter(words)
    for word in rest:
        if word.startswith(("$", "`")):
            layer.is_open = True
        if word.startswith("--"):
            option, equals, value = word.partition("=")
            takes_value = option in _OPTIONS and _OPTIONS[option] not in _FLAGS
            yield option, value if equals else next(rest, None) if takes_value else None
        elif word.startswith("-") and len(word) > 1:
            if word[1] not in _SHORT_WITH_VALUE:
                yield word[:2], None
            else:
                yield word[:2], word[2:].removeprefix("=") or next(rest, None)


def _read_config(
    config: Setting | None, folder: Folder, near: str, facts: GunicornFacts | None
) -> _Layer:
    if config is None:
        beside = f"{near}/gunicorn.conf.py" if near else "gunicorn.conf.py"
        if beside in folder.names:
            return _parse_config(folder, beside)
        elsewhere = any(name.endswith("gunicorn.conf.py") for name in folder.names)
        return _Layer(is_open=elsewhere or bool(facts and facts.settings))
    path = str(config.value) if config.value is not _UNKNOWN else ""
    if path == "python:wsgi_observe.gunicorn":
        return _Layer({"logger_class": Setting("wsgi_observe.gunicorn.Logger", config.where)})
    if path.startswith("python:"):
        path = path.removeprefix("python:").replace(".", "/") + ".py"
    name = folder.find(path.removeprefix("file:"), near) if path else None
    return _parse_config(folder, name) if name else _Layer(is_open=True)


def _parse_config(folder: Folder, name: str) -> _Layer:
    text = folder.read(name)
    if text is None:
        return _Layer(is_open=True)
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        folder.report(f"the file is not valid Python: {error}", f"{name}:{line}")
        return _Layer(is_open=True)
    layer = _Layer()
    for node in ast.walk(module):
        _forget_names(node, layer)
    for statement in module.body:
        _read_assignment(statement, name, layer)
    return layer


def _forget_names(node: ast.AST, layer: _Layer) -> None:
    """Make unknown what a config assigns anywhere; its plain assignments come afterwards."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        layer.values[node.id] = Setting(_UNKNOWN)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if alias.name == "*" and (node.module or "").startswith("wsgi_observe.gunicorn"):
                layer.values["logger_class"] = Setting("wsgi_observe.gunicorn.Logger")
            elif alias.name == "*":
                layer.is_open = True
            else:
                layer.values[alias.asname or alias.name] = Setting(_UNKNOWN)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        layer.is_open |= node.func.id in ("exec", "globals", "locals", "vars", "setattr")


def _read_assignment(statement: ast.stmt, name: str, layer: _Layer) -> None:
    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets, value = [statement.target], statement.value
    else:
        # What an `if`, a loop or an addition assigns later is not known again.
        for node in ast.walk(statement):
            if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
                _forget_names(node, layer)
        return
    for target in targets:
        if isinstance(target, ast.Name):
            layer.values[target.id] = Setting(_literal(value), f"{name}:{statement.lineno}")


def _literal(node: ast.expr) -> object:
    """Return the value of a literal or of a product, sum or difference of numbers."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Add | ast.Sub):
        left, right = _literal(node.left), _literal(node.right)
        if isinstance(left, int | float) and isinstance(right, int | float):
            if isinstance(node.op, ast.Mult):
                return left * right
            return left + right if isinstance(node.op, ast.Add) else left - right
    return _UNKNOWN
