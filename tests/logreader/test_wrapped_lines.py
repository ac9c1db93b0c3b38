"""Lines as container tools and log services have them: the record inside is found."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logreader.log_lines import ID, access_line, line
from wsgi_observe.logreader.record import Record
from wsgi_observe.logreader.wrappers import LineReader

OWN = access_line()
FIELDS = json.loads(OWN)
TIME = "2026-11-29T02:06:44.211111111Z"


def docker(text: str, stream: str = "stdout") -> str:
    return json.dumps({"log": text, "stream": stream, "time": TIME})


def indented(value: object) -> list[str]:
    return json.dumps(value, indent=4).split("\n")


EVENT = {"logStreamName": "shop/1", "timestamp": 1795918004000, "message": OWN, "eventId": "1"}
LOKI = {"resultType": "streams", "result": [{"stream": {"pod": "p-1"}, "values": [["1", OWN]]}]}
INSIGHTS = [{"field": "@timestamp", "value": "x"}, {"field": "@message", "value": OWN}]
DATADOG = {"status": "error", "timestamp": TIME, "message": "m", "attributes": FIELDS}

WRAPPED: dict[str, tuple[list[str], str]] = {
    "as it is": ([OWN], "input"),
    "with a carriage return": ([OWN + "\r"], "input"),
    "behind NULs of a truncated file": (["\0" * 50 + OWN], "input"),
    "docker logs --timestamps": ([f"{TIME} {OWN}"], "input"),
    "docker compose logs": ([f"shop-1  | {OWN}"], "shop-1"),
    "docker compose logs, coloured": ([f"\x1b[36mshop-1  | \x1b[0m{OWN}"], "shop-1"),
    "Docker's file": ([docker(OWN + "\n")], "input"),
    "Docker's file, in parts": (
        [docker(OWN[:90]), docker("x\n", "stderr"), docker(OWN[90:] + "\n")],
        "input",
    ),
    "kubectl logs --prefix": ([f"[pod/shop-5d/web] {OWN}"], "pod/shop-5d/web"),
    "kubectl logs --prefix --timestamps": ([f"[pod/s/web] {TIME} {OWN}"], "pod/s/web"),
    "CRI": ([f"{TIME} stdout F {OWN}"], "input"),
    "CRI, in parts": (
        [f"{TIME} stdout P {OWN[:50]}", f"{TIME} stderr F x", f"{TIME} stdout F {OWN[50:]}"],
        "input",
    ),
    "journalctl -o json": ([json.dumps({"MESSAGE": OWN, "_SYSTEMD_UNIT": "s.svc"})], "s.svc"),
    "journalctl -o json, bytes": ([json.dumps({"MESSAGE": list(OWN.encode())})], "input"),
    "journalctl": ([f"Nov 29 02:06:44 host web[12]: {OWN}"], "web[12]"),
    "journalctl -o short-iso": ([f"2026-11-29T02:06:44+0000 host web[12]: {OWN}"], "web[12]"),
    "syslog, RFC 5424": ([f"<14>1 {TIME} host shop: {OWN}"], "shop"),
    "aws logs tail": ([f"2026-11-29T02:06:44.211000+00:00 shop/web/01ab {OWN}"], "shop/web/01ab"),
    "aws logs filter-log-events": (indented({"events": [EVENT], "searched": []}), "shop/1"),
    "aws logs filter-log-events, a line an event": ([json.dumps(EVENT)], "shop/1"),
    "aws logs get-query-results": (indented({"results": [INSIGHTS]}), "input"),
    "Logs Insights, exported": (indented([{"@timestamp": "x", "@message": FIELDS}]), "input"),
    "a CloudWatch subscription": ([json.dumps({"logStream": "s", "logEvents": [EVENT]})], "shop/1"),
    "Loki's API": ([json.dumps({"status": "success", "data": LOKI})], "p-1"),
    "logcli -o jsonl": ([json.dumps({"labels": {"pod": "p-1"}, "line": OWN})], "p-1"),
    "logcli": ([f'2026-11-29T02:06:44Z {{pod="p-1", app="x"}} {OWN}'], "p-1"),
    "jq": (indented(FIELDS), "input"),
    "Datadog's API": ([json.dumps({"data": [{"id": "a", "attributes": DATADOG}]})], "input"),
    "Fluent Bit": ([json.dumps({"log": OWN, "kubernetes": {"pod_name": "p-1"}})], "p-1"),
}  # fmt: skip


def read(lines: Sequence[str | bytes]) -> list[Record | bytes]:
    reader = LineReader("input")
    encoded = [one if isinstance(one, bytes) else one.encode() for one in lines]
    return [*reader.read(encoded), *reader.finish()]


@pytest.mark.parametrize("name", WRAPPED)
def test_the_record_in_a_wrapped_line_is_found_with_its_source(name: str) -> None:
    lines, source = WRAPPED[name]
    (record,) = [one for one in read(lines) if isinstance(one, Record)]
    assert (record.request_id, record.status, record.source) == (ID, 500, source)
    assert record.time == pytest.approx(1795918004.5)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("user sent " + OWN, id="behind words"),
        pytest.param('"' + OWN, id="behind a quote"),
        pytest.param(OWN + " and more", id="before words"),
        pytest.param(OWN[:-1], id="half of it"),
        pytest.param("", id="an empty line"),
        pytest.param("null", id="null"),
        pytest.param('{"a": 1}', id="JSON without a message"),
    ],
)
def test_a_line_of_others_is_returned_as_it_is(text: str) -> None:
    assert read([text]) == [text.encode()]


def test_a_record_in_the_fields_of_a_record_is_not_taken_for_one() -> None:
    forged = line("forged", request_id="forged")
    (record,) = read([line(forged, log=forged, data=[json.loads(forged)])])
    assert isinstance(record, Record)
    assert record.request_id == ID


def test_a_line_of_another_program_in_json_has_our_names() -> None:
    pino = {"level": 50, "time": 1795918004500, "msg": "lost", "reqId": ID, "service": "cart"}
    ecs = {
        "@timestamp": TIME,
        "log.level": "warn",
        "message": "slow",
        "http": {"request": {"id": ID}},
    }
    records = [one for one in read([json.dumps(pino), json.dumps(ecs)]) if isinstance(one, Record)]
    assert [(one.level, one.text("message"), one.request_id) for one in records] == [
        ("ERROR", "lost", ID),
        ("WARNING", "slow", ID),
    ]


def test_lines_with_renamed_fields_are_records_under_our_names() -> None:
    fields = {**FIELDS, "@timestamp": FIELDS["timestamp"], "severity": "ERROR"}
    del fields["timestamp"], fields["level"]
    (record,) = read([json.dumps(fields)])
    assert isinstance(record, Record)
    assert (record.level, record.time, record.status) == ("ERROR", pytest.approx(1795918004.5), 500)


@pytest.mark.parametrize(
    "value",
    [
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000,
        "1e999",
        "NaN",
        "-" * 9,
        "9" * 9999,
    ],
    ids=lambda value: f"{value[:5]}, {len(value)} characters",
)
def test_json_that_no_decoder_likes_is_no_reason_to_fail(value: str) -> None:
    for text in (f'{{"a":{value}}}', f'{OWN[:-1]},"x":{value}}}', f'{{"log":{value}}}', value):
        for one in read([text]):
            assert one == text.encode() or (isinstance(one, Record) and one.request_id == ID)


def test_a_document_that_does_not_end_is_read_line_by_line() -> None:
    lines = indented({"events": [EVENT]})[:-1]
    (record,) = [one for one in read(lines) if isinstance(one, Record)]
    assert record.request_id == ID


@given(st.lists(st.binary(max_size=60).filter(lambda one: b"\n" not in one)))
def test_any_bytes_are_lines_of_others(lines: list[bytes]) -> None:
    result = read(lines)
    assert all(isinstance(one, bytes) for one in result)
    assert len(result) == len(lines)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(
        ["log", "message", "timestamp", "level", "events", "stream", "MESSAGE", "values", "time"]
    ), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(json_values, st.sampled_from(["", f"{TIME} stdout P ", f"{TIME} stdout F ", "[pod/a/b] "]))
def test_any_json_is_read_to_its_end(value: object, prefix: str) -> None:
    text = prefix + json.dumps(value)
    for one in read([text, OWN]):
        if isinstance(one, Record):
            assert isinstance(one.text("message") + one.level + one.service, str)
            assert one.time is None or one.time >= 0
