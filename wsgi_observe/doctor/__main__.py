"""The app's process: loads the app, asks the questions, writes each answer as a line of JSON.

``python -m wsgi_observe.doctor DESCRIPTOR OPTIONS`` is run by `wsgi_observe.doctor.process`.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import sys
import traceback
from pathlib import Path
from signal import SIGUSR1
from types import TracebackType
from typing import Any

from wsgi_observe.doctor.client import Client
from wsgi_observe.doctor.loading import AppLoader, LoadingError
from wsgi_observe.doctor.log_files import stop_delivery
from wsgi_observe.doctor.logging_watch import LoggingWatch
from wsgi_observe.doctor.options import Options
from wsgi_observe.doctor.output import Output
from wsgi_observe.doctor.process import Message
from wsgi_observe.doctor.questions import select_questions
from wsgi_observe.doctor.sandbox import Sandbox
from wsgi_observe.doctor.sentry_capture import capture_sentry
from wsgi_observe.doctor.subject import Subject, ViewRegistry
from wsgi_observe.problems import find_health_middlewares

_LOADERS = (str(Path(__file__).parent), str(Path(importlib.__file__).parent), "<frozen importlib")


def main(descriptor: int, options: Options) -> None:
    """Answer the questions, each as one message on a descriptor."""
    os.set_inheritable(descriptor, False)
    output, sandbox = Output(), Sandbox(allows_network=options.allows_network)
    sandbox.install()
    watch = LoggingWatch()
    watch.install()
    faulthandler.register(SIGUSR1)  # asks what a load that hangs is doing
    try:
        subject = _load(options, output, sandbox, watch)
    except BaseException as error:
        output.mark()  # which flushes what the app has printed: it is shown, too
        _send(descriptor, Message.of_error(_explain(error, sandbox)))
        sys.exit(1)
    timeouts = [one.readiness.max_timeout for one in find_health_middlewares(subject.app)]
    max_timeout = max(timeouts, default=0.0) or None
    _send(descriptor, Message.of_app(subject.framework.name, subject.gunicorn, max_timeout))
    for question in _questions:
        _send(descriptor, Message.of_start(question.number))
        _send(descriptor, Message.of_answer(question.answer(subject)))
    _send(descriptor, Message("end"))


def _load(options: Options, output: Output, sandbox: Sandbox, watch: LoggingWatch) -> Subject:
    loader = AppLoader(options)
    app, framework = loader.load()
    views = ViewRegistry(framework)
    if framework.has_views:
        for question in _questions:
            question.try_prepare(views)
    app = loader.observe(app)
    config: Any = loader.gunicorn
    settings = _read_settings(config) if options.config else None
    client = Client(app, output, framework.host)
    watch.end_loading()
    stop_delivery()
    sentry = capture_sentry()
    return Subject(app, framework, client, output, sandbox, options, watch, sentry, settings)


def _read_settings(config: Any) -> dict[str, object]:
    # Not by the attributes, some of which import what is named.
    settings = {name: setting.get() for name, setting in config.settings.items()}
    return {**settings, "worker_class_str": config.worker_class_str}


def _explain(error: BaseException, sandbox: Sandbox) -> str:
    if isinstance(error, LoadingError):
        return str(error)
    reason = f"{type(error).__name__}: {error}"
    if sandbox.denied:
        addresses = ", ".join(sandbox.denied)
        return (
            f"the app connects to {addresses} while it is loaded, and no network is allowed "
            f"without --ready ({reason})"
        )
    lines = traceback.format_exception(type(error), error, _skip_loaders(error))
    return f"the app cannot be loaded: {reason}\n" + "".join(lines).rstrip()


def _skip_loaders(error: BaseException) -> TracebackType | None:
    """Return the part of a traceback that begins in the app; all of it if nothing of it does."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_LOADERS):
        trace = trace.tb_next
    return trace if trace or isinstance(error, SyntaxError) else error.__traceback__


def _send(descriptor: int, message: Message) -> None:
    data = message.to_line()
    while data:
        data = data[os.write(descriptor, data) :]


if __name__ == "__main__":
    _options = Options.from_json(sys.argv[2])
    _descriptor = int(sys.argv[1])
    sys.argv[1:] = []  # an app may look at them
    _questions = select_questions(_options.numbers)
    main(_descriptor, _options)
