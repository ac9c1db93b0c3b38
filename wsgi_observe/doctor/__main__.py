"""The app's process: loads the app, asks the questions, sends each answer.

``python -m wsgi_observe.doctor DESCRIPTOR`` is run by `wsgi_observe.doctor.process`.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from signal import SIGUSR1
from types import TracebackType

from wsgi_observe.doctor.app.loading import LoadingError, load_app
from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.app.views import Views
from wsgi_observe.doctor.options import Options
from wsgi_observe.doctor.process import DoctorError, Examination
from wsgi_observe.doctor.questions import select_questions
from wsgi_observe.doctor.recording.log_delivery import stop_delivery
from wsgi_observe.doctor.recording.logging_watch import LoggingWatch
from wsgi_observe.doctor.recording.output import Output
from wsgi_observe.doctor.recording.sandbox import Sandbox
from wsgi_observe.doctor.recording.sentry_capture import capture_sentry
from wsgi_observe.middleware.health import Health
from wsgi_observe.wsgi.middleware import find_middlewares

_PLAIN = (str, int, float, bool, list, tuple, type(None))
_LOADERS = (str(Path(__file__).parent), str(Path(importlib.__file__).parent), "<frozen importlib")


def main(connection: Connection) -> None:
    """Answer the questions, see `Examination` for what is sent."""
    options: Options = connection.recv()
    output, watch = Output(), LoggingWatch()
    sandbox = Sandbox(allows_network=options.allows_network)
    faulthandler.register(SIGUSR1)  # asks what a load that hangs is doing
    try:
        subject = _load(options, output, sandbox, watch)
    except BaseException as error:
        output.mark()  # which flushes what the app has printed: it is shown, too
        connection.send(DoctorError(_explain(error, sandbox)))
        sys.exit(1)
    connection.send(_describe(subject))
    for question in select_questions(options.numbers):
        connection.send(question.number)
        connection.send(question.answer(subject))
    connection.send(None)


def _describe(subject: Subject) -> Examination:
    timeouts = [health.readiness.max_timeout for health in find_middlewares(subject.app, Health)]
    settings = subject.gunicorn
    if settings is not None:  # some are functions and classes
        settings = {name: value for name, value in settings.items() if isinstance(value, _PLAIN)}
    return Examination(settings, max(timeouts, default=0.0) or None)


def _load(options: Options, output: Output, sandbox: Sandbox, watch: LoggingWatch) -> Subject:
    app, framework, settings = load_app(options)
    views = Views(framework, options.numbers)
    watch.end_loading()
    stop_delivery()
    sentry = capture_sentry()
    return Subject(app, framework, views, output, sandbox, options, watch, sentry, settings)


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


if __name__ == "__main__":
    _descriptor = int(sys.argv[1])
    os.set_inheritable(_descriptor, False)
    sys.argv[1:] = []  # an app may look at them
    main(Connection(_descriptor))
