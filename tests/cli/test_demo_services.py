"""The demo as three services: what a request causes in each, and how they end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import COMMAND, DEMO, only_log, printed
from tests.jobs.redis_server import redis_server
from tests.support import Server, alive, descendants, eventually, running, send, strict_json
from wsgi_observe.cli import main

pytest.importorskip("celery")

SERVICES = (*DEMO, "--services")
NAMES = ("receipts", "payments", "shop")
PAID = [
    ("payments", "INFO", "card charged"),
    ("payments", "INFO", "POST /charges 201"),
    ("shop", "INFO", "POST 127.0.0.1/charges 201"),
    ("shop", "INFO", "order placed"),
    ("shop", "INFO", "POST /orders 201"),
]
RECEIVED, SENT, DONE, AGAIN, LOST = (
    ("receipts", "INFO", "Task send_receipt received"),
    ("receipts", "INFO", "receipt sent"),
    ("receipts", "INFO", "Task send_receipt succeeded"),
    ("receipts", "INFO", "Task send_receipt retry"),
    ("receipts", "ERROR", "Task send_receipt raised unexpected"),
)
DECLINED = [
    ("payments", "INFO", "POST /charges 402"),
    ("shop", "INFO", "POST 127.0.0.1/charges 402"),
    ("shop", "INFO", "POST /orders 402"),
]
CRASHED = [
    ("payments", "ERROR", "Exception on /charges [POST]"),
    ("payments", "INFO", "POST /charges 500"),
    ("shop", "INFO", "POST 127.0.0.1/charges 500"),
    ("shop", "ERROR", "POST /orders 502"),
]
LINES = {
    "my-order": [*PAID, RECEIVED, SENT, DONE],
    "my-declined": DECLINED,
    "my-crash": CRASHED,
    "my-retry": [*PAID, RECEIVED, AGAIN, RECEIVED, SENT, DONE],
    "my-loss": [*PAID, *[RECEIVED, AGAIN] * 2, RECEIVED, LOST],
}


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Server]:
    with running(*SERVICES, env={"TMPDIR": str(tmp_path)}) as server:
        assert server.get("/ready").status == 200
        eventually(lambda: set(pids(server)) == set(NAMES))
        yield server


def pids(demo: Server) -> dict[str, int]:
    """The process of each service that the command has started, once it runs."""
    return {
        one["service"]: one["pid"]
        for one in demo.records
        if one["message"].startswith(("Starting gunicorn", "Connected to"))
    }


def lines_by_id(records: list[dict[str, Any]]) -> dict[str, list[tuple[str, str, str]]]:
    """The lines of each ID: service, level, and the message without what differs each time."""
    found = defaultdict(list)
    for one in records:
        if "request_id" in one:
            message = re.sub(r"(?<=127\.0\.0\.1):\d+|\[[0-9a-f-]{36}\]", "", one["message"])
            message = re.sub(r"(Task \w+ (retry|succeeded|raised unexpected)).*", r"\1", message)
            found[one["request_id"]].append((one["service"], one["level"], message))
    return found


def all_lines_are_there(records: list[dict[str, Any]]) -> bool:
    found = lines_by_id(records)
    return all(sorted(found[name]) == sorted(LINES[name]) for name in LINES)


def assert_no_line_is_under_a_wrong_id(records: list[dict[str, Any]]) -> None:
    """Each ID has a trace, an order and a job of its own, and no line of a request has no ID."""
    for name in ("trace_id", "order_id", "job_id"):
        pairs = {(one.get("request_id"), one[name]) for one in records if name in one}
        ids, values = zip(*pairs, strict=True)
        assert len(set(ids)) == len(set(values)) == len(pairs)
    at_start = ("gunicorn.error", "wsgi_observe.gunicorn", "celery.apps.worker")
    of_no_request = {one["logger"] for one in records if "request_id" not in one}
    assert of_no_request <= {*at_start, "celery.worker.consumer.connection"}


@pytest.mark.skipif(not shutil.which("curl"), reason="the lines to try are for curl")
def test_each_request_to_try_is_followed_through_the_services_until_sigterm_ends_them(
    services: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = printed(services, "curl -i")
    answers = [
        subprocess.run(["sh", "-c", line], capture_output=True, text=True) for line in requests
    ]
    assert [int(one.stdout.split()[1]) for one in answers] == [201, 402, 502, 201, 201]
    assert '"description": "The card was declined."' in answers[1].stdout
    services.wait_for(lambda: all_lines_are_there(services.records))
    (log,) = tmp_path.rglob("demo.log")  # which gets each line after stdout
    eventually(lambda: all_lines_are_there(list(map(strict_json, log.read_text().splitlines()))))
    assert_no_line_is_under_a_wrong_id(services.records)
    assert [one for one in services.records if one["level"] == "WARNING"] == []
    retries = [
        (one["request_id"], one["retry"])
        for one in services.records
        if "received" in one["message"]
    ]
    attempts = {name: [n for one, n in retries if one == name] for name in LINES}
    assert attempts == {
        "my-order": [0], "my-declined": [], "my-crash": [], "my-retry": [0, 1], "my-loss": [0, 1, 2]
    }  # fmt: skip

    stories = {}
    for line in printed(services, "wsgi-observe trace"):
        _, subcommand, request_id, path = line.split()
        main([subcommand, request_id, path])
        stories[request_id] = " ".join(capsys.readouterr().out.split())  # without line breaks
    assert list(stories) == list(LINES)
    assert "KeyError: 'CHF'" in stories["my-crash"]
    assert "MailError: 550 no such mailbox" in stories["my-loss"]
    assert [name for name in NAMES if f" {name} " not in stories["my-retry"]] == []
    (errors,) = printed(services, "wsgi-observe errors")
    main(errors.split()[1:])
    assert "3 errors in 3 groups" in capsys.readouterr().out

    scrapes = printed(services, "curl -s")
    metrics = [subprocess.check_output(["sh", "-c", line], text=True) for line in scrapes]
    counts = [
        sorted(re.findall(r'code="(\d+)",http_route="(\S+)"} (\S+)', text)) for text in metrics
    ]
    assert counts == [
        [("201", "/orders", "3.0"), ("402", "/orders", "1.0"), ("502", "/orders", "1.0")],
        [("201", "/charges", "3.0"), ("402", "/charges", "1.0"), ("500", "/charges", "1.0")],
    ]

    processes = descendants(services.process.pid)
    assert len(processes) == 9  # Gunicorn twice, each with two workers and metrics; Celery
    services.process.send_signal(signal.SIGTERM)
    assert services.end() == 0
    assert not any(alive(pid) for pid in processes)
    assert f"The log lines of the demo are in {only_log(tmp_path)}" in services.lines


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kill", "stopper"),
    [
        pytest.param(os.killpg, signal.SIGINT, id="Ctrl-C"),
        (os.kill, signal.SIGINT),
        (os.kill, signal.SIGHUP),
        (os.killpg, signal.SIGTERM),
    ],
)
def test_a_signal_ends_all_services(
    services: Server, tmp_path: Path, stopper: signal.Signals, kill: Callable[[int, int], None]
) -> None:
    processes = descendants(services.process.pid)
    kill(services.process.pid, stopper)
    assert services.end() == 0
    assert not any(alive(pid) for pid in processes)
    assert not any("has ended with" in line for line in services.lines)
    assert only_log(tmp_path)


@pytest.mark.slow
def test_a_signal_before_the_services_run_ends_them_too(tmp_path: Path) -> None:
    with running(*SERVICES, env={"TMPDIR": str(tmp_path)}) as server:
        assert server.stop(signal.SIGINT) == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_service_that_dies_is_named_and_takes_the_others_with_it(
    services: Server, tmp_path: Path, name: str
) -> None:
    processes = descendants(services.process.pid)
    os.kill(pids(services)[name], signal.SIGKILL)
    assert services.end() == 128 + signal.SIGKILL
    eventually(lambda: not any(alive(pid) for pid in processes))
    message = f"wsgi-observe demo: {name} has ended with exit code 137; the others were stopped"
    assert message in services.lines
    assert only_log(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("has_redis", [False, True], ids=["files", "redis"])
def test_under_load_no_line_is_under_a_wrong_id_and_no_job_is_lost(
    tmp_path: Path, has_redis: bool
) -> None:
    if has_redis:
        with redis_server(tmp_path) as url:
            order_many(300, tmp_path, "--broker", url)
    else:
        order_many(1000, tmp_path)


def order_many(count: int, folder: Path, *options: str) -> None:
    """Place orders, of which some fail, and wait for the receipts of all others."""
    variants = ({}, {"card": "stolen"}, {"card": "foreign"}, {"email": "busy@example.com"})
    with running(*SERVICES, *options, env={"TMPDIR": str(folder)}) as demo:
        port = demo.port

        def order(number: int) -> tuple[str, int]:
            body = {"product": "cup", "quantity": 1, **variants[number % len(variants)]}
            headers = {"Content-Type": "application/json", "X-Request-ID": f"order-{number}"}
            answer, _ = send(port, "POST", "/orders", json.dumps(body).encode(), headers)
            return f"order-{number}", answer.status

        with ThreadPoolExecutor(16) as pool:
            statuses = dict(pool.map(order, range(count)))
        # 409 when all are sold, 500 when SQLite is locked.
        assert set(statuses.values()) <= {201, 402, 409, 500, 502}
        placed = {name for name, status in statuses.items() if status == 201}
        assert len(placed) > 100
        # The file: stdout loses lines if this process does not read them in time.
        (log,) = folder.rglob("demo.log")
        eventually(lambda: ids_of(log, "receipt sent") == placed, 60)
        eventually(lambda: ids_of(log, "POST /orders ") == set(statuses))
        lines = log.read_text(encoding="utf-8").splitlines()
        assert_no_line_is_under_a_wrong_id([strict_json(line) for line in lines])


def ids_of(log: Path, message: str) -> set[str]:
    """The IDs of the lines whose message begins so."""
    lines = log.read_text(encoding="utf-8").splitlines()
    return {strict_json(line)["request_id"] for line in lines if f'"message":"{message}' in line}


@pytest.mark.parametrize("missing", ["celery", "httpx", "prometheus_client"])
@pytest.mark.slow
def test_a_missing_extra_is_named_with_its_remedy(missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None\n"
    program += "from wsgi_observe.cli import main; sys.exit(main(['demo', '--services']))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    remedy = "run: pip install 'wsgi-observe[services]'"
    message = f"wsgi-observe demo: {missing} is not installed; {remedy}\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


def test_a_broker_without_services_is_refused() -> None:
    done = subprocess.run([*DEMO, "--broker", "redis://x"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "wsgi-observe demo: --broker is for --services\n"


@pytest.mark.slow
def test_four_ports_that_do_not_exist_are_refused_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "demo", "--services", "--port", "65534"],
        env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "there is no port 65536" in done.stderr or "Address already in use" in done.stderr
    assert not list(tmp_path.iterdir())
