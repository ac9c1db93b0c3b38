"""Question 11: do secrets get into log lines, or to Sentry?"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.app.views import PREFIX
from wsgi_observe.doctor.own_code import find_line, format_place, is_own_file
from wsgi_observe.doctor.question import Faults
from wsgi_observe.doctor.recording.log_delivery import without_delivery
from wsgi_observe.doctor.remedies import CONFIGURE_LOGGING
from wsgi_observe.doctor.trials.log_sources import LogSource, find_main_source
from wsgi_observe.logs.installation import installation
from wsgi_observe.redaction import Redactor

_REQUEST_REMEDY = (
    "log the path without its query, and no headers, cookies or bodies; or redact, as\n"
    "configure_logging() does: from wsgi_observe import configure_logging"
)
_RECORD_REMEDY = (
    "redact all lines in the formatter, tracebacks included, as configure_logging() does:\n"
    f"{CONFIGURE_LOGGING}"
)
_STREAM_REMEDY = (
    "what the framework writes to wsgi.errors, past logging, is redacted by\n"
    "gunicorn --logger-class wsgi_observe.gunicorn.Logger …"
)
_WRITERS = ("bottle", "falcon")
_SENTRY_REMEDY = (
    "from wsgi_observe.sentry import init_sentry; init_sentry(), which redacts all events;\n"
    "or a before_send that does"
)
_WAIT_SECONDS = 0.3
_END = "doctor-end-of-secrets"
# What Gunicorn's format has of the query, and of the page that linked to it.
_QUERY_ATOMS = ("%(r)s", "%(q)s", "%(f)s")


@dataclass(frozen=True)
class _Canary:
    """A secret that is planted at one place.

    :ivar place: as it is called in an answer.
    :ivar is_recorded: whether a view of the doctor logs it, or the client sends it.
    """

    place: str
    value: str
    is_recorded: bool = False


def _plant(place: str, *, is_recorded: bool = False) -> _Canary:
    return _Canary(place, hashlib.sha256(place.encode()).hexdigest()[:30], is_recorded)


_AUTHORIZATION = _plant("the header Authorization")
_API_KEY = _plant("the header X-Api-Key")
_COOKIE = _plant("a cookie")
_QUERY = _plant("token in the query")
_BODY = _plant("password in a JSON body")
_PATH = _plant("the token of /reset/<token>")
_TEXT = _plant("password=… in a message", is_recorded=True)
_URL = _plant("the password in a URL", is_recorded=True)
_EXCEPTION = _plant("password=… in an exception", is_recorded=True)
_LOCAL = _plant("a local variable", is_recorded=True)
_CARD = _Canary("a card number", "4539578763621486", is_recorded=True)
_QUERY_STRING = f"token={_QUERY.value}"
_REQUEST_HEADERS = {
    "Authorization": f"Bearer {_AUTHORIZATION.value}",
    "X-Api-Key": _API_KEY.value,
    "Cookie": f"sessionid={_COOKIE.value}",
}
_CANARIES = (
    *(_AUTHORIZATION, _API_KEY, _COOKIE, _QUERY, _BODY, _PATH),
    *(_TEXT, _URL, _EXCEPTION, _LOCAL, _CARD),
)


def find_faults(subject: Subject) -> Faults:
    """Send secrets, log some, raise one, and search what the process writes and sends."""
    sentry = subject.sentry
    with (
        subject.logging_watch.collect_records() as records,
        nullcontext(list[bytes]()) if sentry is None else sentry.capture() as events,
    ):
        output = _cause_lines(subject)
    canaries = [one for one in _CANARIES if one is not _PATH or _has_secret_path(subject)]
    logged = [canary for canary in canaries if canary.value in output]
    yield from _describe_logged(subject, logged, records)
    yield from _check_access_log_format(subject)
    seen = f"{len(canaries)} secrets are in no line"
    if _END not in output:
        seen = "no secret was seen, but no line of the app's logger either"
    if sentry is None:
        return seen
    sent = b"".join(events).decode("utf-8", "replace")
    yield from _describe_sent([canary for canary in canaries if canary.value in sent])
    yield from _check_sentry_options(sentry.options)
    return f"{seen}, and in none of {len(events)} messages to Sentry"


def _cause_lines(subject: Subject) -> str:
    """Cause lines and events, and return what the process writes."""
    source = find_main_source(subject)
    log = partial(_log, source)
    framework, mark = subject.framework, subject.output.mark()
    with without_delivery(subject.sandbox):
        if framework.has_views:
            _send_to_view(subject, log)
            is_reached = _send_to_view(subject, _raise)
        else:
            subject.request(f"{PREFIX}secrets?{_QUERY_STRING}", headers=_REQUEST_HEADERS)
            is_reached = False
        if framework.name == "flask":
            path = f"{PREFIX}reset/"
            framework.add_view(f"{path}<token>", lambda: "ok", "")
            subject.request(path + _PATH.value)
        with suppress(Exception):  # a filter of the app's that needs a request
            if not is_reached:
                log()
                _log_exception(source)
            source.log(logging.ERROR, _END)
        return subject.output.wait_for(_END, mark, _WAIT_SECONDS)


def _send_to_view(subject: Subject, function: Callable[[], object]) -> bool:
    """Send secrets with a request that has a body; and without, where that is refused."""
    send = partial(subject.call_in_view, function, query=_QUERY_STRING)
    body = json.dumps({"user": "doctor", "password": _BODY.value}).encode()
    with_body = {**_REQUEST_HEADERS, "Content-Type": "application/json"}
    response = send(headers=with_body, body=body) or send(headers=_REQUEST_HEADERS)
    return response is not None


def _log(source: LogSource) -> None:
    for text in (
        f"login of doctor failed: password={_TEXT.value}",
        f"no connection to postgresql://shop:{_URL.value}@db.internal/shop",
        f"payment with card {_CARD.value} failed",
    ):
        source.log(logging.ERROR, text)


def _log_exception(source: LogSource) -> None:
    try:
        _raise()
    except RuntimeError:
        if source.logger is not None:
            source.logger.exception("the doctor's exception")


def _raise() -> None:
    # A name that no list has, as the command line of a subprocess has.
    command = f"pg_dump --password={_LOCAL.value}"
    raise RuntimeError(f"{command[:7]} failed: password={_EXCEPTION.value}")


def _has_secret_path(subject: Subject) -> bool:
    """Return whether the app has routes with a secret in their path, as far as can be known."""
    if subject.framework.name != "flask":
        return False
    redactor = Redactor()
    return any(
        redactor.is_sensitive(name)
        for rule in subject.framework.app.url_map.iter_rules()
        if not rule.rule.startswith(PREFIX)
        for name in rule.arguments
    )


def _describe_logged(
    subject: Subject, canaries: list[_Canary], records: list[logging.LogRecord]
) -> Iterator[Fault]:
    """Yield a fault for what the app logs of requests, and for what it does not redact."""
    second_handler_remedy = find_main_source(subject).second_handler_remedy
    of_requests = [canary for canary in canaries if not canary.is_recorded]
    if of_requests:
        place = _find_record(of_requests, records)
        is_written = place is None and subject.framework.name in _WRITERS
        remedy = _STREAM_REMEDY if is_written else _REQUEST_REMEDY
        remedy = second_handler_remedy or remedy
        yield Fault(f"log lines have {_list(of_requests)}", remedy, place)
    recorded = [canary for canary in canaries if canary.is_recorded]
    if recorded:
        # The app itself may never log a secret.
        yield Fault(
            f"secrets that the doctor logs are not redacted: {_list(recorded)}",
            second_handler_remedy or (_STREAM_REMEDY if installation.handlers else _RECORD_REMEDY),
            is_warning=True,
        )


def _find_record(canaries: list[_Canary], records: list[logging.LogRecord]) -> str | None:
    """Return where the app's own code has logged one of them."""
    for record in records:
        if is_own_file(record.pathname):
            with suppress(Exception):  # arguments that do not fit
                text = f"{record.getMessage()} {record.__dict__}"
                if any(canary.value in text for canary in canaries):
                    return format_place(record.pathname, record.lineno)
    return None


def _check_access_log_format(subject: Subject) -> Iterator[Fault]:
    settings = subject.gunicorn or {}
    atoms = [one for one in _QUERY_ATOMS if one in str(settings.get("access_log_format"))]
    if settings.get("accesslog") and atoms and not installation.handlers:
        yield Fault(
            f"Gunicorn's access log has each URL with its query: {' and '.join(atoms)} in "
            "access_log_format",
            "access_log_format = '%(h)s \"%(m)s %(U)s\" %(s)s %(b)s'",
            subject.find_setting("accesslog"),
            is_warning=True,
        )


def _describe_sent(canaries: list[_Canary]) -> Iterator[Fault]:
    if canaries:
        yield Fault(
            f"events for Sentry have {_list(canaries)}",
            _SENTRY_REMEDY,
            find_line(r"sentry_sdk\.init\("),
            is_warning=all(canary.is_recorded for canary in canaries),
        )


def _check_sentry_options(options: dict[str, Any]) -> Iterator[Fault]:
    """Yield which options let data go to Sentry that no captured event need show."""
    if options.get("send_default_pii"):
        yield Fault(
            "send_default_pii is on: Sentry gets users' names, addresses and cookies",
            "sentry_sdk.init(…, send_default_pii=False)",
            find_line("send_default_pii"),
        )
    risks = []
    if options.get("include_local_variables", options.get("with_locals", True)):
        risks.append("include_local_variables=True")
    size = options.get("max_request_body_size", options.get("request_bodies", "medium"))
    if size != "never":
        risks.append(f'max_request_body_size="{size}"')
    if risks and not options.get("before_send"):
        yield Fault(
            f"Sentry gets variables or bodies without a before_send: {', '.join(risks)}",
            'sentry_sdk.init(…, include_local_variables=False, max_request_body_size="never")\n'
            "or init_sentry() of wsgi_observe.sentry",
            find_line(r"sentry_sdk\.init\("),
            is_warning=True,
        )


def _list(canaries: Iterable[_Canary]) -> str:
    return ", ".join(canary.place for canary in canaries)
