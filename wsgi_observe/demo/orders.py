"""The order API: list, read and place orders."""

import logging
from dataclasses import dataclass
from http import HTTPStatus

from flask import Blueprint, abort, current_app, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from wsgi_observe import bind
from wsgi_observe.demo.models import Order, Product, open_session
from wsgi_observe.flask import InvalidAPIUsage

MAX_QUANTITY = 1000
PAGE_SIZE = 50

blueprint = Blueprint("orders", __name__)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NewOrder:
    """A valid order that has not been placed yet."""

    product: str
    quantity: int
    card: str
    email: str


class Checkout:
    """Has an order paid and its receipt sent: does neither, in a shop that is alone."""

    def pay(self, order: Order, card: str) -> None:
        """Charge a card, or raise the error response."""

    def send_receipt(self, order: Order, email: str) -> None:
        """Send a receipt, later."""


def parse_new_order(body: object) -> NewOrder:
    """Return the order in a request body; raise a 422 that lists its invalid fields."""
    fields = body if isinstance(body, dict) else {}
    product, quantity = fields.get("product", ""), fields.get("quantity", 0)
    errors = {}
    if not isinstance(product, str) or not product:
        errors["product"] = "must be the name of a product"
    if type(quantity) is not int or not 1 <= quantity <= MAX_QUANTITY:  # not a bool
        errors["quantity"] = f"must be an integer from 1 to {MAX_QUANTITY}"
    card, email = fields.get("card", "valid"), fields.get("email", "ada@example.com")
    for name, value in (("card", card), ("email", email)):
        if not isinstance(value, str):
            errors[name] = "must be a text"
    if errors:
        raise make_invalid_order(errors)
    return NewOrder(product, quantity, card, email)


def make_invalid_order(errors: dict[str, str]) -> InvalidAPIUsage:
    """Return the 422 for an order, with a message for each invalid field."""
    bind(invalid_fields=list(errors))  # a field of each later log line and the access line
    return InvalidAPIUsage(
        "The order has invalid fields.", HTTPStatus.UNPROCESSABLE_ENTITY, {"errors": errors}
    )


@blueprint.get("/orders")
def list_orders() -> ResponseReturnValue:
    """Return the newest orders, newest first."""
    with open_session() as session:
        orders = session.scalars(select(Order).order_by(Order.id.desc()).limit(PAGE_SIZE)).all()
    logger.info("orders listed", extra={"orders": len(orders)})
    return {"orders": [_to_json(order) for order in orders]}


@blueprint.get("/orders/<int:order_id>")
def read_order(order_id: int) -> ResponseReturnValue:
    """Return one order, or 404."""
    bind(order_id=order_id)
    with open_session() as session:
        order = session.get(Order, order_id)
    if order is None:
        abort(HTTPStatus.NOT_FOUND)
    logger.info("order read", extra={"product": order.product.name})
    return _to_json(order)


@blueprint.post("/orders")
def place_order() -> ResponseReturnValue:
    """Place the order in the request body, and return it."""
    new_order = parse_new_order(request.get_json())
    checkout: Checkout = current_app.extensions["checkout"]
    with open_session() as session:
        order = _place(session, new_order)
        bind(order_id=order.id)
        try:
            checkout.pay(order, new_order.card)
        except BaseException:
            _cancel(session, order)
            raise
        logger.info(
            "order placed", extra={"product": new_order.product, "quantity": new_order.quantity}
        )
        checkout.send_receipt(order, new_order.email)
        location = url_for(".read_order", order_id=order.id)
        return _to_json(order), HTTPStatus.CREATED, {"Location": location}


def _place(session: Session, new_order: NewOrder) -> Order:
    product = session.scalar(select(Product).where(Product.name == new_order.product))
    if product is None:
        raise make_invalid_order({"product": "is not for sale"})
    order = Order(product=product, quantity=new_order.quantity)
    session.add(order)
    # Subtracted and checked by the database: another request may have changed the stock.
    product.stock = Product.stock - new_order.quantity
    try:
        session.commit()
    except IntegrityError as error:
        bind(reason="out_of_stock")
        description = f"Fewer than {new_order.quantity} of {new_order.product} are left."
        payload = {"reason": "out_of_stock"}
        raise InvalidAPIUsage(description, HTTPStatus.CONFLICT, payload) from error
    return order


def _cancel(session: Session, order: Order) -> None:
    order.product.stock = Product.stock + order.quantity
    session.delete(order)
    session.commit()


def _to_json(order: Order) -> dict[str, object]:
    return {
        "id": order.id,
        "product": order.product.name,
        "quantity": order.quantity,
        "cents": order.cents,
        "placed_at": f"{order.placed_at.isoformat()}Z",
    }
