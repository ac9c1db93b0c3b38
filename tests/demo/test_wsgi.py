"""The observed shop on real Gunicorn workers, as `wsgi-observe demo` serves it."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from http.client import IncompleteRead
from itertools import count

import pytest

from tests.cli.command import DEMO
from tests.support import Answer, Server, eventually, running

ENVELOPE = ["code", "name", "description", "request_id"]
SECRET = "demo-secret"

numbers = count(1)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(*DEMO, env={"TMPDIR": str(tmp_path_factory.mktemp("shop"))}) as server:
        yield server


@pytest.fixture
def request_id() -> str:
    return f"test-{next(numbers)}"


def ask(shop: Server, path: str, request_id: str) -> Answer:
    return shop.get(path, {"X-Request-ID": request_id})


def answered(shop: Server, path: str, status: int) -> Answer | None:
    answer = shop.get(path)
    return answer if answer.status == status else None


def order(shop: Server, request_id: str, **fields: object) -> Answer:
    headers = {"Content-Type": "application/json", "X-Request-ID": request_id}
    return shop.request("POST", "/orders", json.dumps(fields).encode(), headers)


def access_line(log: list[dict[str, object]]) -> dict[str, object]:
    (line,) = [record for record in log if record["logger"] == "wsgi_observe.access"]
    return line


def error_line(log: list[dict[str, object]]) -> dict[str, object]:
    (line,) = [record for record in log if record["level"] == "ERROR"]
    return line


def test_an_id_that_is_sent_in_is_in_the_answer_and_in_every_line(
    shop: Server, request_id: str
) -> None:
    answer = ask(shop, "/orders", request_id)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers.get_all("X-Request-ID") == [request_id]
    assert [(line["logger"], line["message"]) for line in shop.log_of(request_id)] == [
        ("wsgi_observe.demo.orders", "orders listed"),
        ("wsgi_observe.access", "GET /orders 200"),
    ]


def test_a_request_without_an_id_gets_one(shop: Server) -> None:
    request_id = shop.get("/orders").headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", request_id)
    assert len(shop.log_of(request_id)) == 2


def test_what_the_app_binds_is_on_its_later_lines_and_the_access_line(
    shop: Server, request_id: str
) -> None:
    placed = order(shop, request_id, product="cup", quantity=2)
    assert placed.status == 201
    assert {line["order_id"] for line in shop.log_of(request_id)} == {placed.json["id"]}


def test_a_refusal_of_the_apps_own_stays_as_it_is(shop: Server, request_id: str) -> None:
    answer = order(shop, request_id, product="samovar", quantity=9)
    assert answer.status == 409
    assert (answer.json["reason"], answer.json["request_id"]) == ("out_of_stock", request_id)
    assert access_line(shop.log_of(request_id))["status_code"] == 409


def test_the_frameworks_own_error_becomes_the_envelope(shop: Server, request_id: str) -> None:
    answer = ask(shop, "/orders/999", request_id)
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/json")
    assert list(answer.json) == ENVELOPE
    assert (answer.json["code"], answer.json["request_id"]) == (404, request_id)


def test_a_crash_is_an_envelope_for_the_client_and_one_error_line_for_us(
    shop: Server, request_id: str
) -> None:
    answer = ask(shop, "/crash", request_id)
    assert (answer.status, answer.headers["Content-Type"]) == (500, "application/json")
    assert list(answer.json) == ENVELOPE
    assert answer.json["request_id"] == answer.headers["X-Request-ID"] == request_id
    assert not re.search(SECRET + "|Payment|Zero|Traceback", answer.body.decode())
    log = shop.log_of(request_id)
    assert "PaymentError: no charges" in error_line(log)["exc_info"]
    assert (access_line(log)["status_code"], access_line(log)["outcome"]) == (500, "complete")


def test_a_crash_in_the_middle_of_a_stream_never_looks_whole(shop: Server, request_id: str) -> None:
    with pytest.raises(IncompleteRead) as broken:
        ask(shop, "/report/broken", request_id)
    assert broken.value.partial.startswith(b"id,product,quantity,cents\r\n1,teapot")
    log = shop.log_of(request_id)
    assert "ConnectionError: lost" in error_line(log)["exc_info"]
    assert (access_line(log)["status_code"], access_line(log)["outcome"]) == (200, "broken")


def test_a_stream_keeps_its_id_to_its_last_line(shop: Server, request_id: str) -> None:
    answer = ask(shop, "/report", request_id)
    log = shop.log_of(request_id)
    assert [line["message"] for line in log] == ["report sent", "GET /report 200"]
    assert access_line(log)["outcome"] == "complete"
    assert access_line(log)["response_bytes"] == len(answer.body)


@pytest.mark.parametrize(
    ("path", "body"),
    [("/health", {"status": "ok"}), ("/ready", {"status": "ok", "checks": {"db": "ok"}})],
)
def test_a_probe_is_answered_and_leaves_no_line(
    shop: Server, request_id: str, path: str, body: object
) -> None:
    answer = ask(shop, path, request_id)
    assert (answer.status, answer.json) == (200, body)
    assert answer.headers["X-Request-ID"] == request_id
    ask(shop, "/orders", f"after-{request_id}")
    assert shop.log_of(f"after-{request_id}")
    assert not shop.lines_of(request_id)


def test_without_its_database_the_shop_is_alive_but_not_ready(
    shop: Server, request_id: str
) -> None:
    take_away, bring_back = [shlex.split(line) for line in shop.lines if "  mv " in line]
    subprocess.run(take_away, check=True)
    try:
        not_ready = eventually(lambda: answered(shop, "/ready", 503))
        assert not_ready.json == {"status": "unavailable", "checks": {"db": "fail"}}
        assert shop.get("/health").status == 200
        assert list(ask(shop, "/orders", request_id).json) == ENVELOPE
    finally:
        subprocess.run(bring_back, check=True)
    assert eventually(lambda: answered(shop, "/ready", 200))
    assert shop.get("/orders").status == 200


def test_no_request_is_logged_under_two_ids_or_none(shop: Server) -> None:
    access = [line for line in shop.records if line["logger"] == "wsgi_observe.access"]
    assert all(line["request_id"] for line in access)
    assert len({line["request_id"] for line in access}) == len(access)
