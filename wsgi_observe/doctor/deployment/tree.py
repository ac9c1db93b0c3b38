"""YAML and JSON documents as trees in which each value has its file and line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]  # public in fact: it has no stub
from typing import Any

try:
    import yaml
except ImportError:  # the extra `doctor` is not installed
    yaml = None  # type: ignore[assignment]

HAS_YAML = yaml is not None

_MAX_DEPTH = 100


class ParseError(Exception):
    """A document that is not valid, with the line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(eq=False)
class Node:
    """A value of a document: a text, a list, a mapping or nothing, and where it is.

    Scalars stay the text that is in the file, so that ``0x1F``, ``on`` and ``1_000`` are not
    changed. What is missing is an empty node: ``node.get("spec", "template")`` never fails.
    """

    where: str
    value: str | list[Node] | dict[str, Node] | None = None

    def get(self, *keys: str) -> Node:
        """Return the node below these keys, empty if there is none."""
        node = self
        for key in keys:
            below = node.value.get(key) if isinstance(node.value, dict) else None
            node = below if below is not None else Node(node.where)
        return node

    def __bool__(self) -> bool:
        return self.value is not None

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    @property
    def text(self) -> str | None:
        """The text of a scalar."""
        return self.value if isinstance(self.value, str) else None

    @property
    def known_text(self) -> str | None:
        """The text of a scalar, if it has no variable and no template in it."""
        text = self.text
        return None if text is None or "$" in text or "{{" in text else text

    @property
    def number(self) -> float | None:
        """The number that a scalar is, if it is one."""
        try:
            return float(self.text or "")
        except ValueError:
            return None

    @property
    def is_true(self) -> bool:
        """Whether a scalar is a true boolean."""
        return (self.text or "").lower() in ("true", "yes", "on")

    @property
    def items(self) -> Iterator[tuple[str, Node]]:
        """The entries of a mapping."""
        yield from self.value.items() if isinstance(self.value, dict) else ()

    @property
    def children(self) -> list[Node]:
        """The entries of a list."""
        return self.value if isinstance(self.value, list) else []

    @property
    def texts(self) -> list[str]:
        """The texts of a list of scalars."""
        return [child.text for child in self.children if child.text is not None]


_PARTS = {
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1,
    "sec": 1,
    "second": 1,
    "seconds": 1,
    "": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "minutes": 60,
    "h": 3600,
    "hr": 3600,
    "hour": 3600,
    "hours": 3600,
    "d": 86400,
    "day": 86400,
    "days": 86400,
}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*")


def parse_duration(text: str | None) -> float | None:
    """Return the seconds of ``90``, ``1m30s`` (Compose, nginx) or ``1min 30s`` (systemd)."""
    if text is None:
        return None
    if text.strip() == "infinity":
        return float("inf")
    total, end = 0.0, 0
    while end < len(text):
        part = _DURATION.match(text, end)
        if part is None or part[2] not in _PARTS:
            return None
        total += float(part[1]) * _PARTS[part[2]]
        end = part.end()
    return total if end else None


def parse_yaml(text: str, name: str) -> list[Node]:
    """Return the documents of a YAML file. Nothing is constructed but texts."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        documents: list[object] = list(yaml.compose_all(text, Loader=loader))
        return [_Converter(name).convert(document) for document in documents]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = error.problem or error.context or "not valid YAML"
        last_line = text.rstrip("\n").count("\n") + 1
        raise ParseError(message, min(mark.line + 1, last_line) if mark else 1) from None
    except yaml.reader.ReaderError as error:
        raise ParseError(error.reason, text.count("\n", 0, error.position) + 1) from None
    except RecursionError:
        raise ParseError("nested too deeply", 1) from None


class _Converter:
    """Converts the nodes of PyYAML; an alias is converted once, however often it is used."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._converted: dict[int, Node] = {}

    def convert(self, node: Any, line: int | None = None, depth: int = 0) -> Node:
        if depth > _MAX_DEPTH:
            raise RecursionError
        known = self._converted.get(id(node))
        if known is not None:
            return known
        line = node.start_mark.line + 1 if line is None else line
        result = self._converted[id(node)] = Node(f"{self._name}:{line}")
        if isinstance(node, yaml.ScalarNode):
            result.value = None if node.tag == "tag:yaml.org,2002:null" else node.value
        elif isinstance(node, yaml.SequenceNode):
            result.value = [self.convert(item, depth=depth + 1) for item in node.value]
        else:
            result.value = self._convert_mapping(node, depth)
        return result

    def _convert_mapping(self, node: Any, depth: int) -> dict[str, Node]:
        merged: dict[str, Node] = {}
        own: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            is_scalar = isinstance(value, yaml.ScalarNode)
            line = None if is_scalar else key.start_mark.line + 1
            converted = self.convert(value, line, depth + 1)
            if key.tag == "tag:yaml.org,2002:merge":
                for source in reversed(converted.children or [converted]):
                    merged.update(source.items)
            else:
                own[key.value] = converted
        return merged | own


def parse_json(text: str, name: str) -> Node:
    """Return the document of a JSON file."""
    try:
        return _JsonParser(text, name).parse()
    except json.JSONDecodeError as error:
        raise ParseError(error.msg, error.lineno) from None


_JSON_SPACE = re.compile(r"[ \t\r\n]*")
_JSON_SCALAR = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null")


class _JsonParser:
    """Parses JSON as `json` does, and keeps the lines, which `json` does not give."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._line, self._line_end = 1, 0

    def parse(self) -> Node:
        node, end = self._value(self._skip(0), 0)
        if self._skip(end) != len(self._text):
            raise json.JSONDecodeError("extra data", self._text, end)
        return node

    def _skip(self, position: int) -> int:
        match = _JSON_SPACE.match(self._text, position)
        return match.end() if match else position

    def _where(self, position: int) -> str:
        self._line += self._text.count("\n", self._line_end, position)
        self._line_end = max(position, self._line_end)
        return f"{self._name}:{self._line}"

    def _value(self, at: int, depth: int) -> tuple[Node, int]:
        where = self._where(at)
        if depth > _MAX_DEPTH:
            raise json.JSONDecodeError("nested too deeply", self._text, at)
        first = self._text[at : at + 1]
        if first == '"':
            text, end = scanstring(self._text, at + 1, False)
            return Node(where, text), end
        if first in ("{", "["):
            return self._collection(at, where, depth)
        scalar = _JSON_SCALAR.match(self._text, at)
        if scalar is None:
            raise json.JSONDecodeError("expecting a value", self._text, at)
        return Node(where, None if scalar[0] == "null" else scalar[0]), scalar.end()

    def _collection(self, at: int, where: str, depth: int) -> tuple[Node, int]:
        is_mapping = self._text[at] == "{"
        closing = "}" if is_mapping else "]"
        mapping: dict[str, Node] = {}
        children: list[Node] = []
        at = self._skip(at + 1)
        while not self._text.startswith(closing, at):
            if mapping or children:
                at = self._skip(self._expect(",", at))
            if is_mapping:
                key, at = scanstring(self._text, self._expect('"', at), False)
                at = self._skip(self._expect(":", self._skip(at)))
                mapping[key], at = self._value(at, depth + 1)
            else:
                node, at = self._value(at, depth + 1)
                children.append(node)
            at = self._skip(at)
        return Node(where, mapping if is_mapping else children), at + 1

    def _expect(self, character: str, at: int) -> int:
        if not self._text.startswith(character, at):
            raise json.JSONDecodeError(f"expecting {character!r}", self._text, at)
        return at + 1
