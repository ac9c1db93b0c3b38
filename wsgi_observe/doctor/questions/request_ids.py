"""Question 9: is there a request ID in each response, and on each line that a request writes?"""

from __future__ import annotations

import contextvars
import json
import logging
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.client import Response
from wsgi_observe.doctor.log_sources import find_log_sources, without_delivery
from wsgi_observe.doctor.questions.question import NotApplicable, Question
from wsgi_observe.doctor.subject import PREFIX, Subject, ViewRegistry
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.wsgi.middleware import iter_wrapped_apps

_HEADERS = ("X-Request-ID", "X-Correlation-ID", "Request-ID", "Correlation-ID", "X-Trace-ID")
_UNKNOWN = "no-request-id-is-here"

_TEXTS = {
    "doctor-id-info": "INFO",
    "doctor-id-error": "ERROR",
    "doctor-id-crash": "an exception in a view",
    "doctor-id-thread": "a thread",
}
_INFO, _ERROR, _CRASH, _THREAD = _TEXTS

_OBSERVE = "app.wsgi_app = observe(app.wsgi_app)  # from wsgi_observe import observe"
_REMEDY = f"gunicorn --logger-class wsgi_observe.gunicorn.Logger …, or in code:\n{_OBSERVE}"
_TAKE_OVER = f"take over a valid ID of the request's {_HEADERS[0]}, or:\n{_OBSERVE}"
_MAKE = "make an ID for each request that comes without, by uuid.uuid4(), or:\n" + _OBSERVE
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
        return [line if _parse(line) else self.output for line in lines]


class EachRequestHasAnID(Question):
    """Sends requests with an ID and without one, and looks for it in responses and lines."""

    number = 9
    name = "a request ID is in each response and on each line"

    def prepare(self, views: ViewRegistry) -> None:
        """Add views that log, crash and stream."""
        self._called = ""
        self._log: Callable[[int, str], object] = lambda level, text: None
        for name, view in (("ok", self._write_lines), ("crash", _crash), ("stream", _stream)):
            views.add(f"request-id/{name}", self._note(name, view))

    def ask(self, subject: Subject) -> Iterator[Fault]:
        """Yield a fault for what is not taken over, not sent, or not on a line."""
        with suppress(NotApplicable):  # its handlers are Gunicorn's: there will be no lines
            self._log = find_log_sources(subject)[0].log
        header, form, first = self._find_header(subject)
        request_id = form(uuid4())
        sent = list(self._send(subject, {header or _HEADERS[0]: request_id}, request_id))
        if header is not None:
            missing = [one.kind for one in sent if not one.is_echoed]
            if missing:
                seen = f"{header} of a request is not in the response: {', '.join(missing)}"
                yield Fault(seen, _REMEDY)
        elif not first.find_id():
            yield Fault(f"{_HEADERS[0]} of a request is not in the response: no ID is", _REMEDY)
        elif not _makes_all_ids(subject):
            seen = f"{_HEADERS[0]} of a request is replaced by another ID: {first.find_id()}"
            yield Fault(seen, _TAKE_OVER)
        if header is not None or first.find_id():
            yield from self._ask_without_inbound(subject, sent)
        yield from _ask_about_lines(sent, is_taken_over=header is not None)
        self.seen = f"{header or 'an ID of its own'} is in each response and on each line"

    def _find_header(self, subject: Subject) -> tuple[str | None, Callable[[UUID], str], _Sent]:
        """Return the header whose ID is taken over, if any, the form of that ID, and a request.

        An app may take over IDs of the form only that it makes itself.
        """
        tried = []
        for form in _ID_FORMS:
            inbound = {name: form(uuid4()) for name in _HEADERS}
            first = next(self._send(subject, inbound), None)
            if first is None:
                raise NotApplicable("no request of the doctor's gets through to the app's views")
            header = None if _makes_all_ids(subject) else _find_taken_over(inbound, first)
            tried.append((header, form, first))
            if header is not None:
                break
        return tried[-1]

    def _ask_without_inbound(self, subject: Subject, before: list[_Sent]) -> Iterator[Fault]:
        names = {
            name
            for one in before
            for name, value in one.response.headers
            if _contains_id(value, one.request_id)
        }
        sent = list(self._send(subject, {}))
        ids = [one.find_id(names) for one in sent]
        known = {one.kind for one in before if one.is_echoed or not names}
        missing = [one.kind for one, found in zip(sent, ids, strict=True) if not found]
        if not any(ids):
            yield Fault("the response to a request without an ID has none", _MAKE)
        elif known.intersection(missing):
            seen = f"the response to a request without an ID has none: {', '.join(missing)}"
            yield Fault(seen, _MAKE)
        elif len(ids) > 1 and len(set(filter(None, ids))) == 1:
            yield Fault(f"several requests get the same ID: {next(filter(None, ids))}", _MAKE)

    def _send(
        self, subject: Subject, headers: Mapping[str, str], request_id: str = ""
    ) -> Iterator[_Sent]:
        """Yield a request for each kind of response that the app's own code has part in."""
        names = {"ok": "200", "crash": "500", "stream": "a stream"}
        for name, kind in names.items() if subject.framework.has_views else ():
            mark = subject.output.mark()
            self._called = ""
            with without_delivery(subject):
                response = subject.request(f"request-id/{name}", headers=headers)
            if self._called == name:
                last = {"ok": _THREAD, "crash": _CRASH}.get(name, "")
                output = subject.output.wait_for(last, mark, _OUTPUT_SECONDS)
                yield _Sent(kind, request_id, response, output)
        if not subject.framework.has_route(PREFIX + _UNKNOWN):
            response = subject.request(_UNKNOWN, headers=headers)
            yield _Sent("404", request_id, response, response.output)

    def _write_lines(self) -> str:
        self._log(logging.INFO, _INFO)
        self._log(logging.ERROR, _ERROR)
        run: Callable[..., object] = contextvars.copy_context().run
        thread = threading.Thread(target=run, args=(self._log, logging.ERROR, _THREAD))
        thread.start()
        thread.join(_THREAD_SECONDS)
        return "ok"

    def _note(self, name: str, view: Callable[[], object]) -> Callable[[], object]:
        def call() -> object:
            self._called = name
            return view()

        return call


def _crash() -> None:
    raise RuntimeError(_CRASH)


def _stream() -> Iterator[bytes]:
    yield b"a chunk"


def _makes_all_ids(subject: Subject) -> bool:
    """Return whether our middleware has been configured to trust no ID, or those of some peers."""
    return any(
        isinstance(one, RequestID) and one.trusted_peers is not True
        for one in iter_wrapped_apps(subject.app)
    )


def _find_taken_over(inbound: Mapping[str, str], sent: _Sent) -> str | None:
    """Return the header whose ID is in the response, or else on a line."""
    values = [value for _, value in sent.response.headers]
    lines = [line for text in _TEXTS for line in sent.find_lines(text)]
    for places in (values, lines):
        for name, request_id in inbound.items():
            if any(_contains_id(place, request_id) for place in places):
                return name
    return None


def _ask_about_lines(sent: list[_Sent], *, is_taken_over: bool) -> Iterator[Fault]:
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
        yield Fault(f"no request ID on the lines of {titles}: {shown}", _LINES_REMEDY)
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
    values = _parse(line)
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


def _parse(line: str) -> dict[str, object]:
    try:
        values = json.loads(line)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}
