"""JSON formatter: a record as one line of strict JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from importlib import import_module
from json.encoder import encode_basestring as quoted
from typing import Any

from pythonjsonlogger.core import BaseJsonFormatter

from wsgi_observe.field_names import free_name
from wsgi_observe.logs.fields import Fields, format_timestamp
from wsgi_observe.logs.formatters import encoders
from wsgi_observe.logs.formatters.continuation import split_record
from wsgi_observe.logs.formatters.encoders import Encode
from wsgi_observe.logs.formatters.tracebacks import format_traceback
from wsgi_observe.logs.formatters.truncation import escape_surrogates
from wsgi_observe.logs.line import Line, LineMaker
from wsgi_observe.redaction.budget import make_room

_MAX_SOURCES = 4096  # cached: a service has few levels, loggers and modules


class JsonFormatter(BaseJsonFormatter):
    """Format a record as strict JSON; an instance of python-json-logger's base class.

    The settings are in its attributes `rename_fields` and `static_fields`. `format` is our own: a
    record that cannot be encoded still makes a line, and the request's part is encoded once.

    :param static_fields: fields for every line.
    :param rename_fields: the contract's name to your own; another field that has such a name of
        your own becomes ``extra_<name>``.
    :param encoder: ``json`` or ``orjson``.
    :param max_line_bytes: limit of each line that `lines` returns.
    :param options: ``remote_addr`` and the settings ``redact…``, as in `Settings`.
    """

    def __init__(
        self,
        *,
        static_fields: Mapping[str, object] | None = None,
        rename_fields: Mapping[str, str] | None = None,
        encoder: str = "json",
        max_line_bytes: int = 4096,
        **options: Any,
    ) -> None:
        super().__init__(rename_fields=dict(rename_fields or {}))
        self._new_names = _get_new_names(self.rename_fields)
        self._old_names = {new: old for old, new in self.rename_fields.items()}
        self._encode = _with_renamed_fields(_get_encoder(encoder), self.rename_fields)
        self._max_bytes = max_line_bytes
        self._maker = LineMaker(
            format_exc_info=self.formatException,
            static_fields=static_fields,
            taken=self._new_names,
            **options,
        )
        self.static_fields = self._maker.static
        self._start = f"{{{self._name_json('timestamp')}:"
        self._before_pid = f",{self._name_json('pid')}:"
        self._after_pid = self._members(self._maker.static)
        self._sources: dict[tuple[str, str, str], str] = {}

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line however long, without its newline."""
        return self._encode_line(self._maker.from_record(record))[:-1].decode()

    def formatException(self, ei: Any) -> str:
        """Return the traceback that a line has as ``exc_info``."""
        return format_traceback(ei)

    def lines(self, record: logging.LogRecord) -> list[bytes]:
        """Return the record as lines, each within `max_line_bytes`, such as a pipe keeps whole."""
        line = self._encode_line(self._maker.from_record(record))
        return [line] if len(line) <= self._max_bytes else self._split(line)

    def access_lines(
        self, source: tuple[str, str, str], message: str, fields: Fields
    ) -> list[bytes]:
        """Return the lines of an access record, as `lines` does, without the record.

        :param source: its level, logger and module.
        """
        line = self._encode_line(self._maker.from_access_fields(source, message, fields))
        return [line] if len(line) <= self._max_bytes else self._split(line)

    def _split(self, line: bytes) -> list[bytes]:
        names = self._old_names
        fields = {names.get(name, name): value for name, value in json.loads(line).items()}
        # What new names add to a line that was cut before it got them.
        added = sum(max(0, len(new) - len(old)) for old, new in self.rename_fields.items())
        return split_record(fields, self._max_bytes - added, self._encode, self._maker.static)

    def _encode_line(self, line: Line) -> bytes:
        """Return a line with its newline: head, static fields, request, own fields."""
        source = (line.level, line.logger, line.module)
        source_json = self._sources.get(source) or self._add_source(source)
        pid = line.pid
        pid_json = pid if pid.__class__ is int else quoted(escape_surrogates(str(pid)))
        start = f'{self._start}"{format_timestamp(line.created)}"{source_json}'
        end = f"{self._before_pid}{pid_json}{self._after_pid}{self._fields_json(line)}}}\n"
        try:
            return f"{start}{quoted(line.message)}{end}".encode()
        except UnicodeEncodeError:  # a lone surrogate
            return f"{start}{quoted(escape_surrogates(line.message))}{end}".encode()

    def _fields_json(self, line: Line) -> str:
        """Return the request's fields, encoded once for several lines, and the line's own."""
        request, own = line.request, line.own
        text = request.text
        if text is None:
            if own and not request.has_line:
                request.has_line = True  # mostly the only one
                return self._members({**request.fields, **own})
            text = request.text = self._members(request.fields)
        return f"{text}{self._members(own)}" if own else text

    def _add_source(self, source: tuple[str, str, str]) -> str:
        """Return the JSON of level, logger and module, up to the message, and cache it."""
        make_room(self._sources, _MAX_SOURCES)
        names = ("level", "logger", "module")
        members = self._members(
            {self._name(one): it for one, it in zip(names, source, strict=True)}
        )
        text = self._sources[source] = f"{members},{self._name_json('message')}:"
        return text

    def _members(self, fields: Fields) -> str:
        """Return fields as JSON that follows other members of an object."""
        return f",{self._encode(fields)[1:-1]}" if fields else ""

    def _name(self, name: str) -> str:
        """Return a field's name; where another field is renamed to it, ``extra_<name>``."""
        return free_name(name, self._new_names)

    def _name_json(self, name: str) -> str:
        return quoted(self.rename_fields.get(name, self._name(name)))


def _get_encoder(name: str) -> Encode:
    if name == "json":
        return encoders.encode
    # Only where it is configured: orjson is an optional dependency.
    encode: Encode = import_module("wsgi_observe.logs.formatters.orjson_encoder").encode
    return encode


def _get_new_names(renamed: Mapping[str, str]) -> frozenset[str]:
    """Return the new names of renamed fields, except those that are renamed themselves."""
    names = frozenset(renamed.values())
    if len(names) < len(renamed):
        raise ValueError(f"rename_fields must give each field a name of its own, got {renamed}")
    return names - renamed.keys()


def _with_renamed_fields(encode: Encode, names: Mapping[str, str]) -> Encode:
    if not names:
        return encode
    return lambda line: encode({names.get(name, name): value for name, value in line.items()})
