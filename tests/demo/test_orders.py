"""The shop's rules."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient

from wsgi_observe.demo.models import Order
from wsgi_observe.demo.orders import Checkout
from wsgi_observe.flask import InvalidAPIUsage


def test_the_newest_order_is_listed_first(client: FlaskClient) -> None:
    placed = client.post("/orders", json={"product": "cup", "quantity": 3}).get_json()
    assert client.get("/orders").get_json()["orders"][0] == placed


def test_a_placed_order_is_found_where_its_answer_says(client: FlaskClient) -> None:
    answer = client.post("/orders", json={"product": "teapot", "quantity": 2})
    assert answer.status_code == 201
    assert client.get(answer.headers["Location"]).get_json() == answer.get_json()


def test_an_order_that_is_not_there_is_not_found(client: FlaskClient) -> None:
    assert client.get("/orders/999").status_code == 404


def test_more_than_is_in_stock_is_refused_with_a_reason(client: FlaskClient) -> None:
    answer = client.post("/orders", json={"product": "samovar", "quantity": 2})
    assert answer.status_code == 409
    assert answer.get_json()["reason"] == "out_of_stock"


def test_an_order_that_is_not_paid_is_undone(app: Flask, client: FlaskClient) -> None:
    class Broke(Checkout):
        def pay(self, order: Order, card: str) -> None:
            raise InvalidAPIUsage("The card was declined.", 402)

    before = client.get("/orders").get_json()
    app.extensions["checkout"] = Broke()
    last = {"product": "samovar", "quantity": 1}
    assert client.post("/orders", json=last).status_code == 402
    assert client.get("/orders").get_json() == before
    app.extensions["checkout"] = Checkout()
    assert client.post("/orders", json=last).status_code == 201


def test_the_last_one_is_sold_once_however_many_ask(app: Flask) -> None:
    def ask(_: int) -> int:
        return app.test_client().post("/orders", json=wanted).status_code

    wanted = {"product": "samovar", "quantity": 1}
    with ThreadPoolExecutor(4) as clients:
        statuses = sorted(clients.map(ask, range(4)))
    assert statuses == [201, 409, 409, 409]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        pytest.param({}, {"product", "quantity"}, id="nothing"),
        pytest.param([], {"product", "quantity"}, id="no object"),
        pytest.param({"product": 7, "quantity": 1}, {"product"}, id="product no text"),
        pytest.param({"product": "hat", "quantity": 1}, {"product"}, id="product unknown"),
        pytest.param({"product": "cup", "quantity": 0}, {"quantity"}, id="quantity zero"),
        pytest.param({"product": "cup", "quantity": 1.5}, {"quantity"}, id="quantity broken"),
        pytest.param({"product": "cup", "quantity": True}, {"quantity"}, id="quantity true"),
        pytest.param({"product": "cup", "quantity": 10**30}, {"quantity"}, id="quantity huge"),
        pytest.param({"product": "cup", "quantity": 1, "card": 7}, {"card"}, id="card no text"),
        pytest.param({"product": "cup", "quantity": 1, "email": []}, {"email"}, id="mail no text"),
    ],
)
def test_each_field_that_does_not_fit_is_named(
    client: FlaskClient, body: object, wrong: set[str]
) -> None:
    answer = client.post("/orders", json=body)
    assert answer.status_code == 422
    assert answer.get_json()["errors"].keys() == wrong


@pytest.mark.parametrize(
    ("content_type", "status"), [("application/json", 400), ("text/plain", 415)]
)
def test_a_body_that_is_no_json_is_refused(
    client: FlaskClient, content_type: str, status: int
) -> None:
    answer = client.post("/orders", data='{"product"', content_type=content_type)
    assert answer.status_code == status
