"""Loading of the app in the doctor's process, as Flask and Gunicorn name it."""

from __future__ import annotations

import ast
import inspect
import os
import sys
from importlib import import_module
from pathlib import Path, PurePath
from typing import Any
from wsgiref.types import WSGIApplication

from wsgi_observe.doctor.app.frameworks import Framework, find_framework
from wsgi_observe.doctor.app.frameworks.wsgi import WsgiFramework
from wsgi_observe.doctor.options import Options
from wsgi_observe.health import HealthState
from wsgi_observe.settings import Settings

_OUR_LOGGER = "wsgi_observe.gunicorn.Logger"
_DEFAULT_NAMES = ("app", "application", "create_app", "make_app")


class LoadingError(Exception):
    """A reason why there is no app to ask about, for the user."""


def load_app(options: Options) -> tuple[WSGIApplication, Framework, dict[str, object] | None]:
    """Return an app as its server calls it, its framework, and the settings of Gunicorn, if known.

    :raises LoadingError: if there is no such app.
    """
    target, config, is_observed = options.target, None, options.is_observed
    if options.config or is_observed:
        config = _read_gunicorn_config(options)
        target = target or config.wsgi_app or ""
        is_observed = is_observed or _is_our_logger(config.settings["logger_class"].get())
    if not target:
        raise LoadingError("name the app, such as shop:app or 'shop:create_app()'")
    sys.path.insert(0, str(Path.cwd()))
    if is_observed:
        _set_up_our_logging(config)
    elif config is not None:
        _set_up_gunicorn_logging(config)
    app = load_target(target)
    framework = find_framework(app)
    if framework is None:
        framework = WsgiFramework(app, is_observed=is_observed)
        app = framework.app
    app = _observe(app) if is_observed else app
    return app, framework, _read_settings(config) if options.config else None


def _observe(app: WSGIApplication) -> WSGIApplication:
    """Return the app as ``wsgi_observe.gunicorn.Logger`` wraps it."""
    from wsgi_observe.gunicorn.worker.app_wrapping import wrap_app
    from wsgi_observe.gunicorn.worker.wsgi_errors import WsgiErrors
    from wsgi_observe.logs.installation import installation

    installation.end_app_loading()
    settings = Settings.from_env(os.environ).replace(metrics_path="")
    return WsgiErrors(wrap_app(app, settings, HealthState()))


def _read_settings(config: Any) -> dict[str, object]:
    # Not by the attributes, some of which import what is named.
    settings = {name: setting.get() for name, setting in config.settings.items()}
    return {**settings, "worker_class_str": config.worker_class_str}


def _set_up_our_logging(config: Any) -> None:
    from wsgi_observe.logs.installation import installation

    config.set("logger_class", _OUR_LOGGER)
    config.logger_class(config)
    installation.begin_app_loading()  # which has handlers by now


def _set_up_gunicorn_logging(config: Any) -> None:
    """Have Gunicorn set up logging, as it does before the app; but open none of its files."""
    values = {"accesslog": None, "errorlog": "-", "syslog": False}
    before = {name: getattr(config, name) for name in values}
    for name, value in values.items():
        config.set(name, value)
    config.logger_class(config)
    for name, value in before.items():
        config.set(name, value)


def _is_our_logger(logger_class: object) -> bool:
    if isinstance(logger_class, str):
        return logger_class == _OUR_LOGGER
    classes = getattr(logger_class, "__mro__", ())
    return any(f"{cls.__module__}.".startswith("wsgi_observe.gunicorn.") for cls in classes)


def _read_gunicorn_config(options: Options) -> Any:
    """Return the configuration as Gunicorn reads it: its defaults, the file, the environment."""
    try:
        from gunicorn.app.wsgiapp import WSGIApplication as GunicornApplication
    except ModuleNotFoundError:
        install = "pip install 'wsgi-observe[gunicorn]'"
        raise LoadingError(f"-c and --observed need Gunicorn; run: {install}") from None
    arguments = ["gunicorn", *(("-c", options.config) if options.config else ())]
    before, sys.argv = sys.argv, [*arguments, options.target or "nothing"]
    try:
        config = GunicornApplication(prog="gunicorn").cfg
    except SystemExit:
        raise LoadingError(f"Gunicorn cannot read its configuration {options.config}") from None
    finally:
        sys.argv = before
    os.chdir(config.chdir)
    os.environ.update(config.env)
    return config


def load_target(target: str) -> WSGIApplication:
    """Return the app that ``module:app`` or ``module:create_app()`` names.

    :raises LoadingError: if there is none.
    """
    module_name, _, expression = target.partition(":")
    if "/" in module_name or module_name.endswith(".py"):
        path = PurePath(module_name)
        module_name = f"{path.stem}:{expression or _DEFAULT_NAMES[0]}"
        raise LoadingError(f"{path} is a file; name the module, in {path.parent}/: {module_name}")
    try:
        module: Any = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and not f"{module_name}.".startswith(f"{error.name}."):
            raise
        folder = Path.cwd()
        raise LoadingError(f"there is no module {error.name or module_name} in {folder}") from None
    name, args, kwargs = _parse_expression(expression) if expression else ("", None, {})
    if not name:
        name = next((one for one in _DEFAULT_NAMES if hasattr(module, one)), "")
        if not name:
            raise LoadingError(f"{module_name} has no app, application or create_app; name it")
    if not hasattr(module, name):
        raise LoadingError(f"{module_name} has no {name}")
    app: Any = getattr(module, name)
    if args is not None:
        app = app(*args, **kwargs)
    elif _is_factory(app):
        app = app()
    if not callable(app):
        raise LoadingError(f"{target} is not a WSGI app, but {type(app).__name__}")
    return app  # type: ignore[no-any-return]


def _parse_expression(text: str) -> tuple[str, list[Any] | None, dict[str, Any]]:
    """Return a name, and the arguments of its call; None if it is not called."""
    try:
        node = ast.parse(text, mode="eval").body
        if isinstance(node, ast.Name):
            return node.id, None, {}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            args = [ast.literal_eval(one) for one in node.args]
            kwargs = {one.arg or "": ast.literal_eval(one.value) for one in node.keywords}
            return node.func.id, args, kwargs
    except (SyntaxError, ValueError):
        pass
    raise LoadingError(f"{text} is neither a name nor a call with literal arguments")


def _is_factory(app: object) -> bool:
    """Return whether a function takes no arguments, so that it makes an app and is none."""
    if not inspect.isfunction(app):
        return False
    parameters = inspect.signature(app).parameters.values()
    required = [one for one in parameters if one.default is one.empty and one.kind <= 1]
    return not required and not any(one.kind == one.VAR_POSITIONAL for one in parameters)
