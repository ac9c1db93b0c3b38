"""`wsgi-observe trace`: the story of a request, from any log that has its lines."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.cli.log_commands import ESCAPES, run, write
from tests.linear import grows_in_proportion
from tests.logreader.log_lines import (
    FAILED_REQUEST,
    ID,
    OTHER_ID,
    access_line,
    continued_lines,
    error_line,
    line,
)
from wsgi_observe.cli import main

OTHERS = [line(at=at / 10, request_id=f"{at:032x}", path="/orders") for at in range(300)]
HOSTILE = "\x1b[2J\x1b]0;owned\x07\x1b]8;;http://x\x07\x9b31m\u202eevil\u2066\x00\x7f\r[red]x[/red]"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "shop.log", [*FAILED_REQUEST, *OTHERS, "plain text"])


def story(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert main(["trace", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_the_story_has_headline_timeline_and_the_apps_own_frames(log: Path) -> None:
    done = run("trace", ID, log)
    assert (done.returncode, done.stderr) == (0, "")
    headline, facts, empty, *timeline = done.stdout.splitlines()
    assert headline == "GET /crash  500  complete  500.0 ms"
    assert f"2026-11-29 02:06:44.000 UTC  request {ID}  client 192.0.2.7" in facts
    assert not empty
    assert [text.strip() for text in timeline] == [
        "+100.0 ms INFO     shop: order read",
        "order_id=7",
        "... 300.0 ms",
        "+400.0 ms ERROR    shop: Exception on /crash [GET]",
        "shop.prices.PaymentError: no charges",
        "/srv/shop/views.py:22 in crash",
        'return {"average": average([])}',
        "/srv/shop/prices.py:36 in average",
        'raise PaymentError("no charges") from error',
        "1 library frame: flask 1",
        "caused by ZeroDivisionError: division by zero",
        "/srv/shop/prices.py:33 in average",
        "return sum(charges) / len(charges)",
        "... 100.0 ms",
        "+500.0 ms INFO     wsgi_observe.access: GET /crash 500 in 500.0 ms, 145 B, curl/8",
    ]


@pytest.mark.parametrize("wanted", [ID, ID[:14], ID[-8:]], ids=["whole", "beginning", "end"])
def test_a_part_of_an_id_is_enough(
    wanted: str, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"request {ID}" in story(capsys, wanted, log)


def test_an_id_that_others_begin_with_is_the_one_that_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "log", [access_line(request_id=one) for one in ("a1", "a", "a2")])
    assert "request a " in story(capsys, "a", log)


def test_a_beginning_of_several_ids_lists_them(tmp_path: Path) -> None:
    done = run("trace", "01a2250e", write(tmp_path / "log", [line(), line(request_id=OTHER_ID)]))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"2 request IDs begin or end with 01a2250e:\n  {ID}\n  {OTHER_ID}\n" in done.stderr


def test_an_unknown_id_says_what_the_input_covers_and_what_is_near(log: Path) -> None:
    typo = ID.replace("fd74", "fd47")
    for done in (run("trace", typo, log), run("trace", typo, stdin=log.read_text())):
        assert (done.returncode, done.stdout) == (1, "")
        assert f"no line has the request ID {typo}\n" in done.stderr
        assert "  the input covers 2026-11-29 02:06:44 to 02:07:13 UTC (" in done.stderr
        assert "made at 2026-11-29 02:06:44 UTC, which the input covers\n" in done.stderr
        assert f"  near: {ID}\n" in done.stderr


def test_an_id_that_was_made_at_another_time_says_so(log: Path) -> None:
    early, late = (f"{prefix}{ID[12:]}" for prefix in ("01a2240e0001", "01a2260e0001"))
    assert "before the input begins" in run("trace", early, log).stderr
    assert "after the input ends" in run("trace", late, log).stderr


def test_the_id_of_a_trace_names_its_requests(tmp_path: Path) -> None:
    log = write(tmp_path / "log", [line(trace_id="c" * 32)])
    assert f"it is the trace ID of the requests {ID}" in run("trace", "c" * 32, log).stderr


def test_logs_are_compressed_rotated_and_piped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [f"{one}\n".encode() for one in FAILED_REQUEST]
    (tmp_path / "shop.log").write_bytes(texts[2])
    (tmp_path / "shop.log.1").write_bytes(zstandard.ZstdCompressor().compress(texts[1]))
    (tmp_path / "shop.log.2.gz").write_bytes(gzip.compress(texts[0]))
    text = story(capsys, ID, tmp_path / "shop.log*")
    assert (text.count("+"), "shop.log" in text) == (3, False)
    piped = [run("trace", ID, stdin=path.read_bytes()) for path in tmp_path.iterdir()]
    assert [done.stdout.count("+") for done in piped] == [1, 1, 1]


def test_a_file_that_is_named_twice_is_read_once(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "current").symlink_to(log)
    assert story(capsys, ID, log, tmp_path / "current") == story(capsys, ID, log)


def test_lines_of_docker_that_are_split_are_joined_before_the_id_is_searched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = FAILED_REQUEST[2]
    for cut in (10, text.index(ID) + 5, len(text) - 5):
        entries = [{"log": text[:cut]}, {"log": text[cut:] + "\n"}]
        time = "2026-11-29T02:06:44.1Z"
        entries = [one | {"stream": "stdout", "time": time} for one in entries]
        docker = [json.dumps(one, separators=(",", ":")) for one in entries]
        cri = [f"{time} stdout P {text[:cut]}", f"{time} stdout F {text[cut:]}"]
        for lines in (docker, cri):
            assert "GET /crash  500" in story(capsys, ID, write(tmp_path / "log", lines))


def test_an_indented_export_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = [{"timestamp": 1, "message": one, "logStreamName": "s/1"} for one in FAILED_REQUEST]
    log = tmp_path / "export.json"
    log.write_text(json.dumps({"events": events}, indent=4))
    assert story(capsys, ID, log).count("+") == 3


def test_lines_of_the_same_trace_are_included_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = {"trace_id": "d" * 32}
    other = line("stock read", 0.2, request_id="other", service="stock", **trace)
    log = write(tmp_path / "log", [other, access_line(service="shop", **trace)])
    assert "stock read" not in story(capsys, ID, log)
    assert "stock other shop: stock read" in story(capsys, "--trace", ID, log)
    assert run("trace", "--trace", ID, stdin="").returncode == 2


def test_other_lines_with_the_id_are_shown_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nginx = f'192.0.2.7 "GET /crash" 502 {ID}'
    text = story(capsys, ID, write(tmp_path / "log", [*FAILED_REQUEST, nginx]))
    assert text.endswith(f"1 other line with the ID in the text:\n  {nginx}\n")


def test_a_record_in_parts_is_shown_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = " ".join(f"word{number}" for number in range(800))
    text = story(
        capsys, ID, write(tmp_path / "log", continued_lines("x" * 2500 + "\n" + message[-3000:]))
    )
    assert text.endswith("word798 word799\n")


def test_full_prints_the_traceback_with_library_frames(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = story(capsys, "--full", ID, log)
    assert "site-packages/flask/app.py" in text
    assert "site-packages" not in story(capsys, ID, log)


def test_json_is_one_line_with_every_record(log: Path) -> None:
    done = run("trace", "--json", ID, log)
    (text,) = done.stdout.splitlines()
    document = json.loads(text)
    assert document["request_id"] == ID
    assert [one["status"] for one in document["requests"]] == [500]
    assert [one["record"] for one in document["events"]] == list(map(json.loads, FAILED_REQUEST))
    assert (
        document["events"][1]["exceptions"][1]["headline"] == "ZeroDivisionError: division by zero"
    )


@pytest.mark.parametrize("columns", ["40", "120", ""])
def test_nothing_of_a_log_reaches_the_terminal_as_a_control_sequence(
    tmp_path: Path, columns: str
) -> None:
    fields = dict.fromkeys(("message", "logger", "level", "path", "method", "outcome"), HOSTILE)
    fields |= dict.fromkeys(
        ("service", "user_agent", "remote_addr", "exc_type", "error_id"), HOSTILE
    )
    fields |= {HOSTILE: HOSTILE, "nested": {HOSTILE: [HOSTILE]}}
    frame = f'  File "{HOSTILE}", line 1, in {HOSTILE}\n    {HOSTILE}\n{HOSTILE}: {HOSTILE}'
    lines = [access_line(**fields), error_line(**fields | {"exc_info": frame})]
    done = run("trace", ID, write(tmp_path / "log", [*lines, f"{HOSTILE} {ID}"]), COLUMNS=columns)
    assert (done.returncode, done.stderr) == (0, "")
    assert "evil" in done.stdout
    assert "[red]" in done.stdout
    assert ESCAPES.findall(done.stdout) == []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"message": "x" * 10_000_000}, id="10 MB of message"),
        pytest.param({"exc_info": "x\n" * 1_000_000, "level": "ERROR"}, id="a million lines"),
        pytest.param({"timestamp": None}, id="no time"),
        pytest.param({"timestamp": 1e18, "level": 7, "logger": None}, id="other types"),
        pytest.param({name: {} for name in ("status_code", "duration_ms", "pid")}, id="objects"),
        pytest.param({"duration_ms": float("inf"), "status_code": 1e999}, id="infinite"),
        pytest.param({"status_code": 10**400, "duration_ms": 10**400}, id="long numbers"),
        pytest.param({"message": "\ud800", "\udfff": "\ud800"}, id="lone surrogates"),
        pytest.param({"continues": "1", "part": [], "parts": 1, "text": 1}, id="a part of nothing"),
        pytest.param({"truncated": True, "continued_in": []}, id="no continuation"),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_a_record_with_hostile_values_is_part_of_its_story(
    fields: dict[str, object], form: tuple[str, ...], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    log = write(tmp_path / "log", [access_line(**fields), *FAILED_REQUEST])
    text = story(capsys, *form, ID, log)
    text.encode()
    assert "order read" in text
    assert form or len(text) < 500_000


def test_a_record_that_is_nested_deeply_is_no_record(tmp_path: Path) -> None:
    deep = FAILED_REQUEST[0][:-1] + ',"x":' + "[" * 100_000 + "]" * 100_000 + "}"
    done = run("trace", ID, write(tmp_path / "log", [deep, *FAILED_REQUEST]))
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 other line with the ID in the text" in done.stdout


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_read(log: Path) -> None:
    damaged = log.with_name("damaged.gz")
    damaged.write_bytes(gzip.compress(log.read_bytes())[:-200])
    done = run("trace", ID, log, log.with_name("none"), log.parent, damaged)
    assert done.returncode == 2
    assert "GET /crash  500" in done.stdout
    assert [problem.split(": ", 1)[1].split(str(log.parent))[0] for problem in
            done.stderr.splitlines()] == ["cannot read ", "cannot read ", ""]  # fmt: skip
    assert "is damaged or ends early" in done.stderr


def test_without_rich_the_remedy_is_named_and_json_works(log: Path) -> None:
    program = "import sys; sys.modules['rich'] = None; sys.modules['rich.console'] = None\n"
    program += "from wsgi_observe.cli import main; sys.exit(main(sys.argv[1:]))"
    for form, code in ((("--json",), 0), ((), 2)):
        done = subprocess.run([sys.executable, "-c", program, "trace", *form, ID, log],
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == code
    assert "run: pip install 'wsgi-observe[cli]', or use --json" in done.stderr


def test_color_is_for_terminals_or_when_it_is_forced(log: Path) -> None:
    assert "\x1b[" in run("trace", ID, log, FORCE_COLOR="1", TERM="xterm").stdout
    assert "\x1b[3" not in run("trace", ID, log, FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b" not in run("trace", ID, log, TERM="xterm").stdout


def test_forty_columns_are_enough(log: Path) -> None:
    lines = run("trace", ID, log, COLUMNS="40").stdout.splitlines()
    assert max(map(len, lines)) <= 40
    assert "/srv/shop/prices.py:36 in average" in "".join(one.strip() for one in lines)


def test_an_output_that_knows_ascii_only_gets_escapes(tmp_path: Path) -> None:
    log = write(tmp_path / "log", [access_line(path="/bücher")])
    done = run("trace", ID, log, PYTHONIOENCODING="ascii")
    assert (done.returncode, "/b\\xfccher" in done.stdout) == (0, True)


@pytest.mark.parametrize("arguments", [[], [""], ["--trace", "x", "-"]], ids=str)
def test_a_wrong_usage_has_exit_code_two(arguments: list[str]) -> None:
    assert run("trace", *arguments).returncode == 2


STACK = "\n".join(
    (
        '  File "/srv/.venv/lib/python3.11/site-packages/flask/app.py", line 917, in dispatch',
        "    return view()",
        '  File "/srv/shop/views.py", line 22, in crash',
        "    with lock:",
        '  File "/usr/lib/python3.11/threading.py", line 320, in wait',
        "    waiter.acquire()",
    )
)


def test_of_a_stack_the_apps_frames_and_the_last_one_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "log", [line("runs", 0.3, age=0.3, stack=STACK), access_line()])
    text = story(capsys, ID, log)
    shown = [
        *("/srv/shop/views.py:22 in crash", "with lock:"),
        *("/usr/lib/python3.11/threading.py:320 in wait", "waiter.acquire()"),
        "1 library frame: flask 1",
    ]
    lines = [one.strip() for one in text.splitlines()]
    assert lines[lines.index(shown[0]) :][:5] == shown
    assert "return view()" in story(capsys, "--full", ID, log)


def death(request_id: str, at: float = 0.5, pid: int = 7, **fields: Any) -> str:
    cause = {"level": "ERROR", "outcome": "died", "cause": "SIGKILL", "worker_pid": pid}
    return line(f"GET /{request_id} died", at, request_id=request_id, **cause, **fields)


def test_a_request_that_died_is_beside_those_that_died_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kill = "Worker (pid:7) was sent SIGKILL! Perhaps out of memory?"
    lines = [
        line("older", 0.1, request_id="mine"),
        line(kill, 0.5, level="ERROR", request_id=None),
        death("mine"),
        death("another", age=0.2),
        death("oldest", age=40.5),
        *(death("of another worker", pid=77), death("of an earlier worker", at=-60)),
        death("of another service", service="cart"),
    ]
    text = " ".join(story(capsys, "mine", write(tmp_path / "log", lines)).split())
    assert text.index(kill) < text.index("GET /oldest died") < text.index("GET /another died")
    assert "GET /of" not in text
    assert text.startswith("GET /crash died: SIGKILL ")
    data = json.loads(story(capsys, "--json", "mine", tmp_path / "log"))
    assert len(data["requests"]) == 1
    assert [event["is_related"] for event in data["events"]] == [False] * 3 + [True] * 2


@pytest.mark.parametrize("duration", [1e300, -5.0, 1e12], ids=str)
def test_a_duration_that_is_none_is_left_out(
    duration: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "log", [line("runs", age=duration), access_line(duration_ms=duration)])
    assert story(capsys, ID, log).startswith("GET /crash  500  complete\n")
    assert main(["trace", ID, str(log), "--html", "-"]) == 0


def test_json_has_no_control_characters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = write(tmp_path / "log", [error_line(message=HOSTILE, exc_info=f"é\n{HOSTILE}")])
    text = story(capsys, "--json", ID, log)
    assert set(ESCAPES.findall(text)) == {"é"}
    assert json.loads(text)["events"][0]["record"]["message"] == HOSTILE


def test_a_trace_id_that_no_text_can_have_is_in_no_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "log", [line(trace_id="\ud800")])
    assert "order read" in story(capsys, "--trace", ID, log)


@pytest.mark.slow
def test_the_time_for_a_story_grows_in_proportion_to_its_requests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small, large = (
        write(tmp_path / f"{count}", [access_line(at) for at in range(count)])
        for count in (1000, 4000)
    )
    assert grows_in_proportion(lambda log: story(capsys, ID, log), small, large)
