"""Unwrapping of log lines: prefixes of container tools, and JSON in the JSON of log services."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from wsgi_observe.logreader.json_text import decode
from wsgi_observe.logreader.record import Record, adopt_record, is_own_record, to_text

_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z| ?[+-]\d\d:?\d\d)?"

# What precedes a line, and nothing else: a line of another program that quotes one of ours,
# such as the body of a request, is not ours.
_prefix = re.compile(
    (
        r"(?:<\d{1,3}>1? ?)?"  # syslog's priority (RFC 5424)
        r"(?:\[(?P<pod>[\w./: -]{1,300})\] +)?"  # kubectl logs --prefix
        r"(?:(?P<container>[\w.-]{1,200}) +\| +)?"  # docker compose logs
        rf"(?:(?:{_TIME}|[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d)"  # --timestamps, syslog
        r"(?: std(?:out|err) F)?"  # CRI
        r"(?: +(?P<stream>[\w./:@\[\]$-]{1,512}))?"  # aws logs tail; syslog's host
        r"(?: +(?P<program>[\w./@-]{1,200}(?:\[[\w.-]{1,30}\])?):)?"  # syslog's program
        r"(?: +\{(?P<labels>[^{}]{0,4000})\}(?= *\{))?)?"  # logcli
        r" *(?=\{)"
    ).encode()
)
_cri = re.compile(rf"(?P<time>{_TIME}) (?P<stream>stdout|stderr) (?P<tag>[PF])(?::\S*)? ".encode())
_source_label = re.compile(rb'\b(?:pod|container|instance|service_name|app)="([^"]{1,200})"')
_strip_colors = re.compile(rb"\x1b\[[0-9;]*m").sub

# Where the tools and services have the text of a line, or the list of what has it: Docker,
# journald, CloudWatch, Logs Insights, Loki, logcli, Fluent Bit, Google, Splunk, Elasticsearch.
_CONTENT_NAMES = (
    *("log", "MESSAGE", "message", "@message", "line", "values", "value", "textPayload"),
    *("jsonPayload", "log_processed", "_raw", "_source", "result", "results", "data", "events"),
    *("logEvents", "hits", "streams", "records"),
)
_SOURCE_NAMES = (
    *("logStreamName", "logStream", "@logStream", "pod", "pod_name", "container", "instance"),
    *("container_name", "CONTAINER_NAME", "_SYSTEMD_UNIT", "service_name", "app"),
)
_LABEL_NAMES = ("labels", "stream", "kubernetes", "metadata", "attrs")
_DOCKER_NAMES = frozenset({"log", "stream", "time", "attrs"})
_MAX_DEPTH = 12
_MAX_SOURCE = 200
_MAX_PREFIX = 300
_MAX_PARTIAL = 1 << 20  # characters of a line that a container runtime has split
_MAX_STREAMS = 64
_MAX_DOCUMENT_BYTES = 32 << 20  # of JSON over several lines
_DOCUMENT_ENDS = {b"{": b"}", b"[": b"]"}


class LineReader:
    """Turn the lines of one input into records; lines of others are returned as they are.

    It keeps what belongs together over several lines: a line that a container runtime has split
    (CRI's tag ``P``, Docker's entry without a newline), and an indented JSON document.

    :param source: the name of the input, for records whose wrapper has no name.
    """

    def __init__(self, source: str = "") -> None:
        self._source = source
        self._partials: dict[str, str] = {}
        self._document = bytearray()

    @property
    def is_inside(self) -> bool:
        """Whether the next line may continue what has begun."""
        return bool(self._partials or self._document)

    def read(self, lines: Iterable[bytes]) -> Iterator[Record | bytes]:
        """Yield for each line its records, or the line itself if it has none."""
        source = self._source
        for line in lines:
            if line[:1] == b"{" and not self._document:
                fields = decode(line)
                if fields.__class__ is dict:
                    if is_own_record(fields):
                        yield Record(fields, source)
                    else:
                        yield from self._read_object(fields, line)
                    continue
            yield from self._read_text(line)

    def finish(self) -> Iterator[Record | bytes]:
        """Yield what the end of the input has left incomplete."""
        partials = [text.encode("utf-8", "surrogateescape") for text in self._partials.values()]
        lines = [*self._document.split(b"\n")[:-1], *partials]
        self._document, self._partials = bytearray(), {}
        for line in lines:
            yield from _find_or_return(bytes(line), self._source)

    def _read_object(self, fields: dict[str, Any], line: bytes) -> Iterator[Record | bytes]:
        text = fields.get("log")
        if isinstance(text, str) and _DOCKER_NAMES.issuperset(fields):
            stream = to_text(fields.get("stream"))[:10]
            joined = self._join(stream, text.rstrip("\n"), is_partial=not text.endswith("\n"))
            fields = fields if joined is None else {"log": joined, "attrs": fields.get("attrs")}
            if joined is None:
                return
        records: list[Record | bytes] = list(_find_in_value(fields, self._source, 0))
        yield from records or [line]

    def _read_text(self, line: bytes) -> Iterator[Record | bytes]:
        # A file that was truncated while a process appended to it begins with NULs.
        line = line.strip(b"\0\r")
        if self._document or line in _DOCUMENT_ENDS:
            yield from self._read_document(line)
            return
        entry = _cri.match(line)
        if entry is not None and (self._partials or entry["tag"] == b"P"):
            text = line[entry.end() :].decode("utf-8", "surrogateescape")
            joined = self._join(entry["stream"].decode(), text, is_partial=entry["tag"] == b"P")
            if joined is None:
                return
            line = joined.encode("utf-8", "surrogateescape")
        yield from _find_or_return(line, self._source)

    def _read_document(self, line: bytes) -> Iterator[Record | bytes]:
        """Collect a document of several lines, such as `aws logs` and `jq` write."""
        self._document += line + b"\n"
        is_whole = line.rstrip(b",") == _DOCUMENT_ENDS[bytes(self._document[:1])]
        if not is_whole and len(self._document) < _MAX_DOCUMENT_BYTES:
            return
        document, self._document = bytes(self._document), bytearray()
        records = list(_find_in_value(decode(document), self._source, 0))
        if records:
            yield from records
        else:
            for one in document.split(b"\n")[:-1]:
                yield from _find_or_return(one, self._source)

    def _join(self, stream: str, text: str, *, is_partial: bool) -> str | None:
        """Return the whole text of a line; None while more of it has to come."""
        text = self._partials.pop(stream, "") + text
        if not is_partial or len(text) > _MAX_PARTIAL or len(self._partials) >= _MAX_STREAMS:
            return text
        self._partials[stream] = text
        return None


def _find_or_return(line: bytes, source: str) -> Iterable[Record | bytes]:
    return list(_find_in_text(line, source, 0)) or [line]


def _find_in_text(text: bytes | str, source: str, depth: int) -> Iterator[Record]:
    """Yield the records in a line, behind the prefix that it may have."""
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogatepass")
    text = text.strip()
    if b"\x1b" in text[:_MAX_PREFIX]:  # Docker Compose colours its prefix
        text = _strip_colors(b"", text)
    if text[:1] == b'"':  # a line of an indented document that was too long to be collected
        text = text.rstrip(b",")
        value = decode(b"{" + text + b"}") or decode(text)
    elif (prefix := _prefix.match(text)) is not None:
        source = _get_prefix_source(prefix) or source
        value = decode(text[prefix.end() :])
    else:
        value = decode(text) if text[:1] == b"[" else None
    yield from _find_in_value(value, source, depth)


def _get_prefix_source(prefix: re.Match[bytes]) -> str:
    if prefix["labels"] is not None and (label := _source_label.search(prefix["labels"])):
        return label[1].decode("utf-8", "replace")
    named = prefix["pod"] or prefix["container"] or prefix["program"] or prefix["stream"]
    return named.decode() if named else ""


def _find_in_value(value: Any, source: str, depth: int) -> Iterator[Record]:
    """Yield the records in a JSON value: itself, or what wraps them at any level."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, str):
        if "{" in value:
            yield from _find_in_text(value, source, depth + 1)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict | list | str):
                yield from _find_in_value(item, source, depth + 1)
    elif isinstance(value, dict):
        if is_own_record(value):
            yield Record(value, source)
        else:
            yield from _find_in_object(value, source, depth)


def _find_in_object(fields: dict[str, Any], source: str, depth: int) -> Iterator[Record]:
    source = _find_source(fields) or source
    is_empty = True
    for name in _CONTENT_NAMES:
        content = fields.get(name)
        if name == "MESSAGE" and isinstance(content, list):
            content = _to_message(content)
        for record in _find_in_value(content, source, depth + 1):
            is_empty = False
            yield record
    if is_empty and (adopted := adopt_record(fields)) is not None:
        yield Record(adopted, source)


def _to_message(numbers: list[Any]) -> str:
    """Return a message that journald has as bytes, since it is not printable."""
    try:
        return bytes(numbers).decode("utf-8", "replace")
    except (TypeError, ValueError):
        return ""


def _find_source(fields: dict[str, Any]) -> str:
    labels = [fields[name] for name in _LABEL_NAMES if isinstance(fields.get(name), dict)]
    for one in (fields, *labels):
        for name in _SOURCE_NAMES:
            source = one.get(name)
            if isinstance(source, str) and source:
                return source[:_MAX_SOURCE]
    return ""
