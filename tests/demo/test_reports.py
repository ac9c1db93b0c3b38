"""The shop's report, and the one that breaks."""

import csv

import pytest
from flask.testing import FlaskClient


def test_the_report_has_a_line_for_every_order(client: FlaskClient) -> None:
    rows = list(csv.DictReader(client.get("/report").text.splitlines()))
    orders = client.get("/orders").get_json()["orders"]
    assert [int(row["id"]) for row in rows] == sorted(order["id"] for order in orders)
    assert rows[0] == {"id": "1", "product": "teapot", "quantity": "1", "cents": "2450"}


def test_the_broken_report_breaks_after_some_lines(client: FlaskClient) -> None:
    answer = client.get("/report/broken")
    lines = iter(answer.response)
    assert answer.status_code == 200
    assert [next(lines) for _ in range(2)] == [
        b"id,product,quantity,cents\r\n",
        b"1,teapot,1,2450\r\n",
    ]
    with pytest.raises(ConnectionError):
        list(lines)
