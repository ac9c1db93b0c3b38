"""The search for a request ID in the bytes of a log, wherever its lines are cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logreader.log_lines import FAILED_REQUEST, ID, OTHER_ID, START, line
from wsgi_observe.logreader import blocks, search
from wsgi_observe.logreader.inputs import Input, find_inputs
from wsgi_observe.logreader.search import Found, find_nearest_ids, find_request

MINE = [line(f"line {number}", number / 10) for number in range(4)]
TIME = "2026-11-29T02:06:44.1Z"


def search_in(path: Path, wanted: str = ID) -> Found:
    return find_request([Input(str(path), path)], wanted, lambda count: None)


def messages(found: Found, request_id: str = ID) -> list[str]:
    return [record.text("message") for record in found.records.get(request_id, [])]


junk = st.binary(max_size=40).filter(lambda one: b"\n" not in one and one[:1] not in (b"{", b"["))


@given(st.lists(junk, max_size=8), st.integers(1, 400), st.integers(1, 100), st.randoms())
def test_every_line_of_an_id_is_found_whatever_is_beside_it_and_wherever_blocks_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: list[bytes], block_bytes: int,
    reserved: int, random: object,
) -> None:  # fmt: skip
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(blocks, "_RESERVED_BYTES", reserved)
    lines = [*(text.encode() for text in MINE), line(request_id=OTHER_ID).encode(), *others]
    random.shuffle(lines)  # type: ignore[attr-defined]
    path = tmp_path / "log"
    path.write_bytes(b"\n".join(lines))
    assert sorted(messages(search_in(path))) == [f"line {number}" for number in range(4)]


@pytest.mark.parametrize("block_bytes", [60, 150, 333, 4000])
def test_split_lines_are_joined_across_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", block_bytes)
    lines = []
    for text in MINE:
        lines += [f"{TIME} stdout P {text[:100]}", f"{TIME} stderr F other"]
        lines += [f"{TIME} stdout P {text[100:130]}", f"{TIME} stdout F {text[130:]}"]
    path = tmp_path / "log"
    path.write_text("\n".join(lines))
    assert messages(search_in(path)) == [f"line {number}" for number in range(4)]


def test_a_short_beginning_of_an_id_takes_no_more_memory_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_MAX_IDS", 30)
    monkeypatch.setattr(search, "MAX_RECORDS", 5)
    lines = [line(request_id=f"a{number % 40}") for number in range(400)]
    lines += [line(request_id="a") for _ in range(10)]
    path = tmp_path / "log"
    path.write_text("\n".join(lines))
    found = search_in(path, "a")
    assert found.resolve("a") == ["a"]
    assert len(messages(found, "a")) == 5
    assert len(found.records) == 31
    kept = sum(map(len, found.records.values()))
    assert (kept <= 21 * 5, kept + found.ignored) == (True, 410)


@pytest.mark.parametrize(
    "typed",
    [ID[:9] + "x" + ID[10:], ID[:9] + ID[10:], ID[:12] + "0" + ID[12:], ID.replace("10ea", "01ea")],
    ids=["another digit", "a digit missing", "a digit too many", "two digits changed over"],
)
def test_an_id_that_was_mistyped_is_the_nearest(typed: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    others = [line(request_id=f"01a2250e{number:024x}") for number in range(50)]
    path.write_text("\n".join([*others, *FAILED_REQUEST]))
    nearest = find_nearest_ids(find_inputs([str(path)]), typed, lambda count: None)
    assert nearest[0] == ID


def test_without_orjson_the_same_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    numbers = json.loads('{"a": 1.5, "b": -0.0, "c": 1e22, "d": 18446744073709551615}')
    odd = FAILED_REQUEST[0][:-1] + ',"x":1e999,"y":"\\ud800","z":NaN}'
    path.write_text("\n".join([*FAILED_REQUEST, line(**numbers, text="ü\u2028"), odd]))
    program = "from wsgi_observe.cli import main; sys.exit(main(sys.argv[1:]))"
    printed = [
        subprocess.run(
            [sys.executable, "-c", f"import sys; {block}; {program}", "trace", "--json", ID, path],
            check=True, capture_output=True,
        ).stdout
        for block in ("sys.modules['orjson'] = None", "pass")
    ]  # fmt: skip
    assert printed[0] == printed[1]
    assert len(json.loads(printed[0])["events"]) == 5


def test_the_times_of_a_log_of_one_long_line_are_known(tmp_path: Path) -> None:
    lines = [line(f"line {number}", number) for number in range(1000)]
    path = tmp_path / "query.json"
    path.write_text(json.dumps({"events": [{"message": one} for one in lines]}) + "\n")
    assert path.stat().st_size > 1 << 17
    coverage = search_in(path).coverage
    assert coverage.first == START


def test_a_pipe_may_have_the_beginning_of_a_magic_number_only(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    data = zstandard.ZstdCompressor().compress("\n".join(MINE).encode())
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            pipe.write(data[:2])
            time.sleep(0.05)
            pipe.write(data[2:])

    thread = Thread(target=write)
    thread.start()
    assert len(messages(search_in(path))) == len(MINE)
    thread.join()
