"""YAML and JSON documents as trees in which each value has its file and line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

try:
    import yaml
except ImportError:  # the extra `doctor` is not installed
    yaml = None  # type: ignore[assignment]

HAS_YAML = yaml is not None


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
        """The number that a scalar is, if it is one and finite."""
        try:
            number = float(self.text or "")
        except ValueError:
            return None
        return number if isfinite(number) else None

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

    def convert(self, node: Any, line: int | None = None) -> Node:
        known = self._converted.get(id(node))
        if known is not None:
            return known
        line = node.start_mark.line + 1 if line is None else line
        result = self._converted[id(node)] = Node(f"{self._name}:{line}")
        if isinstance(node, yaml.ScalarNode):
            result.value = None if node.tag == "tag:yaml.org,2002:null" else node.value
        elif isinstance(node, yaml.SequenceNode):
            result.value = [self.convert(item) for item in node.value]
        else:
            result.value = self._convert_mapping(node)
        return result

    def _convert_mapping(self, node: Any) -> dict[str, Node]:
        merged: dict[str, Node] = {}
        own: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            is_scalar = isinstance(value, yaml.ScalarNode)
            line = None if is_scalar else key.start_mark.line + 1
            converted = self.convert(value, line)
            if key.tag == "tag:yaml.org,2002:merge":
                for source in reversed(converted.children or [converted]):
                    merged.update(source.items)
            else:
                own[key.value] = converted
        return merged | own


def parse_json(text: str, name: str) -> Node:
    """Return the document of a JSON file."""
    try:
        # Objects become tuples of pairs, so that keys which are there twice are not lost.
        document = json.loads(
            text,
            strict=False,
            parse_int=str,
            parse_float=str,
            parse_constant=str,
            object_pairs_hook=tuple,
        )
        return _convert_json(document, _json_places(text, name))
    except json.JSONDecodeError as error:
        raise ParseError(error.msg, error.lineno) from None
    except RecursionError:
        raise ParseError("nested too deeply", 1) from None


_JSON_TOKEN = re.compile(r'\n|"(?:\\.|[^"\\])*"|[\[{]|[^\s\[\]{},:"]+', re.DOTALL)


def _json_places(text: str, name: str) -> Iterator[str]:
    """Yield the places of the values and keys of a valid document, which `json` does not give."""
    line = 1
    for token in _JSON_TOKEN.finditer(text):
        if token[0] != "\n":
            yield f"{name}:{line}"
        line += token[0].count("\n")


def _convert_json(value: Any, places: Iterator[str]) -> Node:
    where = next(places)
    if isinstance(value, list):
        return Node(where, [_convert_json(item, places) for item in value])
    if not isinstance(value, tuple):
        return Node(where, str(value).lower() if isinstance(value, bool) else value)
    entries = {}
    for key, below in value:
        next(places)  # the key's
        entries[key] = _convert_json(below, places)
    return Node(where, entries)
