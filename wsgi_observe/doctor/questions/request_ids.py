"""Question 9: is there a request ID in each response, and on each line that a request writes?"""

from __future__ import annotations

import contextvars
import logging
import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.app.client import Response
from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.question import Faults, NotApplicable
from wsgi_observe.doctor.recording.log_delivery import without_delivery
from wsgi_observe.doctor.remedies import ANSWER_EXCEPTIONS, OBSERVE, OBSERVE_ANYWHERE
from wsgi_observe.doctor.trials.log_sources import Log, LogSource, find_main_source, parse_line
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.wsgi.middleware import find_middlewares

_HEADERS = ("X-Request-ID", "X-Correlation-ID", "Request-ID", "Correlation-ID", "X-Trace-ID")

_TEXTS = {
    "doctor-id-info": "INFO",
    "doctor-id-error": "ERROR",
    "doctor-id-crash": "an exception in a view",
    "doctor-id-thread": "a thread",
}
_INFO, _ERROR, _CRASH, _THREAD = _TEXTS

_TAKE_OVER = f"take over a valid ID of the request's {_HEADERS[0]}, or:\n{OBSERVE}"
_MAKE = "make an ID for each request that comes without, by uuid.uuid4(), or:\n" + OBSERVE
_OUTERMOST = "have observe() round all other middlewares: what they answer themselves has no ID"
_NAME_HEADER = f"name {_HEADERS[0]} in WSGI_OBSERVE_REQUEST_ID_HEADERS, or leave that unset"
_LINES_REMEDY = (
    "a logging.Filter on the handler that sets record.request_id; or before the app is made:\n"
    "configure_logging()  # from wsgi_observe import configure_logging"
)
_THREAD_REMEDY = (
    "keep the ID in a contextvars.ContextVar instead of a threading.local; start threads with\n"
    "Thread(target=contextvars.copy_context().run, args=(work,))"
)

_ID_FORMS: tuple[Callable[[UUID], str], ...] = (str, lambda uuid: uuid.hex)
_ID_NAME = re.compile(r"(request|correlation|trace)[-_. ]?id", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_OUTPUT_SECONDS = 0.5
_THREAD_SECONDS = 5.0
_MAX_SHOWN = 70


@dataclass(frozen=True)
class _Sent:
    """One request.

    :ivar kind: of its response, such as ``404``.
    :ivar request_id: the ID that it was sent with; empty without one.
    :ivar output: what the process wrote.
    """

    kind: str
    request_id: str
    response: Response
    output: str

    @property
    def is_echoed(self) -> bool:
        return any(_contains_id(value, self.request_id) for _, value in self.response.headers)

    def find_id(self, names: Collection[str] = ()) -> str:
        """Return the ID in the response, the client's or one of the app."""
        return next(filter(None, map(self.response.header, (*names, *_HEADERS))), "")

    def find_lines(self, text: str) -> list[str]:
        """Return the lines with a text; of a traceback in plain text, all lines as one."""
        lines = [line for line in self.output.splitlines() if text in line]
        if text != _CRASH:
            return lines
        return [line if parse_line(line) else self.output for line in lines]


def find_faults(subject: Subject) -> Faults:
    """Send requests with an ID and without one, and look for it in responses and on lines."""
    source = find_main_source(subject)
    header, form, first = _find_header(subject, source.log)
    request_id = form(uuid4())
    sent = list(_send(subject, source.log, {header or _HEADERS[0]: request_id}, request_id))
    if header is not None:
        missing = [one for one in sent if not one.is_echoed]
        if missing:
            seen = f"{header} of a request is not in the response: {_list_kinds(missing)}"
            yield Fault(seen, _get_remedy(subject, missing, OBSERVE_ANYWHERE))
    elif not first.find_id():
        seen = f"{_HEADERS[0]} of a request is not in the response: no ID is"
        yield Fault(seen, _get_remedy(subject, [first], OBSERVE_ANYWHERE))
    elif not _makes_all_ids(subject):
        seen = f"{_HEADERS[0]} of a request is replaced by another ID: {first.find_id()}"
        yield Fault(seen, _NAME_HEADER if _find_ours(subject) else _TAKE_OVER)
    if header is not None or first.find_id():
        yield from _ask_without_inbound(subject, sent, list(_send(subject, source.log, {})))
    yield from _ask_about_lines(source, sent, is_taken_over=header is not None)
    return f"{header or 'an ID of its own'} is in each response and on each line"


def _list_kinds(sent: Iterable[_Sent]) -> str:
    return ", ".join(one.kind for one in sent)


def _get_remedy(subject: Subject, missing: Iterable[_Sent], otherwise: str) -> str:
    """Return the remedy for responses without an ID: not to observe what is observed already."""
    if not _find_ours(subject):
        return otherwise
    is_raised = any(one.response.error is not None for one in missing)
    return ANSWER_EXCEPTIONS if is_raised else _OUTERMOST


def _find_ours(subject: Subject) -> list[RequestID]:
    return find_middlewares(subject.app, RequestID)


def _find_header(subject: Subject, log: Log) -> tuple[str | None, Callable[[UUID], str], _Sent]:
    """Return the header whose ID is taken over, if any, the form of that ID, and a request.

    An app may take over IDs of the form only that it makes itself.
    """
    tried = []
    for form in _ID_FORMS:
        inbound = {name: form(uuid4()) for name in _HEADERS}
        first = next(_send(subject, log, inbound), None)
        if first is None:
            raise NotApplicable("no request of the doctor's gets through to the app's views")
        header = None if _makes_all_ids(subject) else _find_taken_over(inbound, first)
        tried.append((header, form, first))
        if header is not None:
            break
    return tried[-1]


def _ask_without_inbound(
    subject: Subject, before: list[_Sent], sent: list[_Sent]
) -> Iterator[Fault]:
    names = {
        name
        for one in before
        for name, value in one.response.headers
        if _contains_id(value, one.request_id)
    }
    ids = [one.find_id(names) for one in sent]
    known = {one.kind for one in before if one.is_echoed or not names}
    missing = [one for one, found in zip(sent, ids, strict=True) if not found]
    remedy = _get_remedy(subject, missing, _MAKE)
    if not any(ids):
        yield Fault("the response to a request without an ID has none", remedy)
    elif known.intersection(one.kind for one in missing):
        seen = f"the response to a request without an ID has none: {_list_kinds(missing)}"
        yield Fault(seen, remedy)
    elif len(ids) > 1 and len(set(filter(None, ids))) == 1:
        yield Fault(f"several requests get the same ID: {next(filter(None, ids))}", _MAKE)


def _send(
    subject: Subject, log: Log, headers: Mapping[str, str], request_id: str = ""
) -> Iterator[_Sent]:
    """Yield a request for each kind of response that the app's own code has part in."""
    for kind, view, last in (
        ("200", partial(_write_lines, log), _THREAD),
        ("500", _crash, _CRASH),
        ("a stream", _stream, ""),
    ):
        mark = subject.output.mark()
        with without_delivery(subject.sandbox):
            response = subject.call_in_view(view, headers=headers)
        if response is not None:
            output = subject.output.wait_for(last, mark, _OUTPUT_SECONDS)
            yield _Sent(kind, request_id, response, output)
    mark = subject.output.mark()
    response = subject.request_unknown_url(headers=headers)
    if response is not None:
        yield _Sent("404", request_id, response, subject.output.read(mark))


def _write_lines(log: Log) -> None:
    log(logging.INFO, _INFO)
    log(logging.ERROR, _ERROR)
    run: Callable[..., object] = contextvars.copy_context().run
    thread = threading.Thread(target=run, args=(log, logging.ERROR, _THREAD))
    thread.start()
    thread.join(_THREAD_SECONDS)


def _crash() -> None:
    raise RuntimeError(_CRASH)


def _stream() -> Iterator[bytes]:
    yield b"a chunk"


def _makes_all_ids(subject: Subject) -> bool:
    """Return whether our middleware has been configured to trust no ID, or those of some peers."""
    return any(one.trusted_peers is not True for one in _find_ours(subject))


def _find_taken_over(inbound: Mapping[str, str], sent: _Sent) -> str | None:
    """Return the header whose ID is in the response, or else on a line."""
    values = [value for _, value in sent.response.headers]
    lines = [line for text in _TEXTS for line in sent.find_lines(text)]
    for places in (values, lines):
        for name, request_id in inbound.items():
            if any(_contains_id(place, request_id) for place in places):
                return name
    return None


def _ask_about_lines(
    source: LogSource, sent: list[_Sent], *, is_taken_over: bool
) -> Iterator[Fault]:
    without_id: dict[str, str] = {}
    for one in sent:
        request_id = one.request_id if is_taken_over else one.find_id()
        for text in _TEXTS:
            for line in one.find_lines(text):
                if not _is_identified(line, request_id):
                    without_id.setdefault(text, line)
    thread_line = without_id.pop(_THREAD, None)
    if without_id:
        titles = ", ".join(_TEXTS[text] for text in without_id)
        shown = next(iter(without_id.values())).strip()[:_MAX_SHOWN]
        remedy = source.second_handler_remedy or _LINES_REMEDY
        yield Fault(f"no request ID on the lines of {titles}: {shown}", remedy)
    elif thread_line is not None:
        yield Fault(
            "no request ID on the line of a thread that runs in a copy of the request's context",
            _THREAD_REMEDY,
            is_warning=True,
        )


def _is_identified(line: str, request_id: str) -> bool:
    """Return whether a line has the ID; if that is not known, whether it has anything like one."""
    if request_id:
        return _contains_id(line, request_id)
    values = parse_line(line) or {}
    is_named = any(_ID_NAME.search(name) and value for name, value in values.items())
    return is_named or _UUID.search(line) is not None


def _contains_id(text: str, request_id: str) -> bool:
    """Return whether a text has an ID, or its beginning; an app may write a UUID in both forms."""
    if request_id in text:
        return True
    if not _UUID.fullmatch(request_id):
        return False
    digits = request_id.replace("-", "").lower()
    return digits in text.replace("-", "").lower() or digits[:8] in text.lower()
