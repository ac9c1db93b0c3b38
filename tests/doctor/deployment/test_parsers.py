"""The parsers: values with their lines, and no crash whatever the text is."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsgi_observe.doctor.deployment.duration import parse_duration
from wsgi_observe.doctor.deployment.readers.dockerfile import parse_image, parse_instructions
from wsgi_observe.doctor.deployment.readers.nginx import parse_nginx
from wsgi_observe.doctor.deployment.readers.units import parse_unit
from wsgi_observe.doctor.deployment.tree import (
    Node,
    ParseError,
    parse_json,
    parse_yaml,
)

HEREDOCS = """\
# syntax=docker/dockerfile:1
FROM python:3.13 AS base

RUN <<EOF
CMD not this
EOF
COPY --chown=1:1 <<-"A" <<B /etc/
one
A
two
B
ENV A=1 \\
    # a comment

    B="2 3"
FROM base
cmd ["x", "y"]
"""


def test_a_dockerfile_has_its_instructions_at_their_lines() -> None:
    places = [(item.name, item.where) for item in parse_instructions(HEREDOCS, "D")]
    assert places == [
        *(("FROM", "D:2"), ("RUN", "D:4"), ("COPY", "D:7")),
        *(("ENV", "D:12"), ("FROM", "D:16"), ("CMD", "D:17")),
    ]


def test_a_stage_has_what_the_stage_before_it_has() -> None:
    image = parse_image(HEREDOCS, "D")
    assert image is not None
    assert image.base == "python:3.13"
    assert {name: image.env.get(name).text for name in image.env} == {"A": "1", "B": "2 3"}
    assert image.command is not None
    assert image.command.words == ("x", "y")
    assert parse_image(HEREDOCS, "D", "base") != image
    assert parse_image(HEREDOCS, "D", "none") is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("90", 90), ("1m30s", 90), ("1min 30s", 90), ("500ms", 0.5), ("1h", 3600)),
        *(("infinity", float("inf")), ("", None), ("x", None), ("5 parsecs", None), (None, None)),
    ],
)
def test_durations(text: str | None, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


def test_merged_mappings_and_aliases_keep_their_lines() -> None:
    text = "a: &a\n  x: 1\n  y: 2\nb:\n  <<: *a\n  y: 3\nc: [*a]\n"
    (root,) = parse_yaml(text, "f")
    assert (root.get("b", "x").text, root.get("b", "x").where) == ("1", "f:2")
    assert (root.get("b", "y").text, root.get("b", "y").where) == ("3", "f:6")
    assert root.get("c").children[0].get("y").where == "f:3"


def plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.items}
    if isinstance(node.value, list):
        return [plain(child) for child in node.children]
    return node.value


documents = st.recursive(
    st.none() | st.text(max_size=10),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4)
    ),
)


@settings(max_examples=40, deadline=None)
@given(documents, st.sampled_from([None, 1, "\t"]))
def test_json_is_parsed_as_the_standard_library_does(document: Any, indent: Any) -> None:
    for is_ascii in (True, False):
        text = json.dumps(document, indent=indent, ensure_ascii=is_ascii)
        assert plain(parse_json(text, "f")) == document


@settings(max_examples=40, deadline=None)
@given(documents)
def test_the_lines_of_json_are_those_of_its_values(document: Any) -> None:
    text = json.dumps({"first": document, "last": "mark"}, indent=2)
    line = next(n for n, line in enumerate(text.split("\n"), 1) if line == '  "last": "mark"')
    assert parse_json(text, "f").get("last").where == f"f:{line}"


texts = st.text(st.sampled_from("ab1 \n\t\\\"'{}[]:;,#&*<>|$-=%!@`"), max_size=60) | st.text()


@pytest.mark.parametrize(
    "parse",
    [
        parse_yaml,
        parse_json,
        parse_image,
        parse_nginx,
        parse_unit,
        lambda text, name: parse_image(f"FROM a\nENV {text}\nCMD {text}", name),
    ],
)
def test_a_text_is_parsed_or_refused(parse: Callable[[str, str], object]) -> None:
    @settings(max_examples=60, deadline=None)
    @given(texts)
    def check(text: str) -> None:
        with suppress(ParseError):
            parse(text, "f")

    check()
