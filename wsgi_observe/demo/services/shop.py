"""The first service: the shop, which calls payments and asks the worker for a receipt."""

import os

import httpx
from flask import abort

import wsgi_observe.httpx
from wsgi_observe.demo.app import create_app
from wsgi_observe.demo.models import Database, Order
from wsgi_observe.demo.orders import Checkout
from wsgi_observe.demo.services.receipts import send_receipt
from wsgi_observe.flask import InvalidAPIUsage

wsgi_observe.httpx.install()  # to the hosts of WSGI_OBSERVE_PROPAGATE_TO
payments = httpx.Client(base_url=os.environ["PAYMENTS_URL"], trust_env=False)


class ServicesCheckout(Checkout):
    """Has an order paid by the second service, and its receipt sent by the third."""

    def pay(self, order: Order, card: str) -> None:
        """Charge a card; a refusal of payments becomes one of the shop."""
        try:
            response = payments.post("/charges", json={"card": card, "cents": order.cents})
        except httpx.TransportError:
            abort(502, "Payments cannot be reached; nothing was ordered.")
        if response.is_client_error:
            refusal = response.json()
            payload = {"reason": refusal.get("reason")}
            raise InvalidAPIUsage(refusal["description"], response.status_code, payload)
        if response.is_server_error:
            abort(502, "Payments have failed; nothing was ordered.")

    def send_receipt(self, order: Order, email: str) -> None:
        """Ask for the receipt; the response does not wait for it."""
        send_receipt.delay(order.id, email)


database = Database("sqlite:///file:shop.db?mode=rw&uri=true")
ping = database.ping
app = create_app(database, ServicesCheckout())
