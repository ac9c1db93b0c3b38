"""The shop's orders: listed, read and placed."""

import logging
from dataclasses import dataclass
from http import HTTPStatus

from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from wsgi_observe import bind
from wsgi_observe.demo.errors import OrderError
from wsgi_observe.demo.models import Order, Product, open_session

MAX_QUANTITY = 1000


@dataclass(frozen=True)
class NewOrder:
    """An order that is not placed yet."""

    product: str
    quantity: int


def parse_new_order(body: object) -> NewOrder:
    """Read what is ordered, or refuse it with what is wrong in each field."""
    fields = body if isinstance(body, dict) else {}
    product, quantity = fields.get("product", ""), fields.get("quantity", 0)
    errors = {}
    if not isinstance(product, str) or not product:
        errors["product"] = "must be the name of a product"
    if type(quantity) is not int or not 1 <= quantity <= MAX_QUANTITY:  # JSON's true is an int, too
        errors["quantity"] = f"must be a whole number from 1 to {MAX_QUANTITY}"
    if errors:
        raise make_order_error(**errors)
    return NewOrder(product, quantity)


def make_order_error(**errors: str) -> OrderError:
    """Make the refusal of an order with fields that do not fit."""
    description = "The order has fields that do not fit."
    return OrderError(HTTPStatus.UNPROCESSABLE_ENTITY, description, errors=errors)


PAGE_SIZE = 50

blueprint = Blueprint("orders", __name__)
logger = logging.getLogger(__name__)


@blueprint.get("/orders")
def list_orders() -> ResponseReturnValue:
    """Answer the newest orders, newest first."""
    with open_session() as session:
        orders = session.scalars(select(Order).order_by(Order.id.desc()).limit(PAGE_SIZE)).all()
    logger.info("orders listed", extra={"orders": len(orders)})
    return {"orders": [_to_json(order) for order in orders]}


@blueprint.get("/orders/<int:order_id>")
def read_order(order_id: int) -> ResponseReturnValue:
    """Answer one order, or 404."""
    bind(order_id=order_id)
    with open_session() as session:
        order = session.get(Order, order_id)
    if order is None:
        abort(HTTPStatus.NOT_FOUND)
    logger.info("order read", extra={"product": order.product.name})
    return _to_json(order)


@blueprint.post("/orders")
def place_order() -> ResponseReturnValue:
    """Place the order in the body, and answer it."""
    new_order = parse_new_order(request.get_json())
    with open_session() as session:
        order = _place(session, new_order)
        bind(order_id=order.id)
        logger.info(
            "order placed", extra={"product": new_order.product, "quantity": new_order.quantity}
        )
        location = url_for(".read_order", order_id=order.id)
        return _to_json(order), HTTPStatus.CREATED, {"Location": location}


def _place(session: Session, new_order: NewOrder) -> Order:
    product = session.scalar(select(Product).where(Product.name == new_order.product))
    if product is None:
        raise make_order_error(product="is not for sale here")
    order = Order(product=product, quantity=new_order.quantity)
    session.add(order)
    # The database subtracts and checks: what was read above may be sold by now.
    product.stock = Product.stock - new_order.quantity
    try:
        session.commit()
    except IntegrityError as error:
        raise _make_out_of_stock_error(new_order) from error
    return order


def _make_out_of_stock_error(new_order: NewOrder) -> OrderError:
    description = f"Fewer than {new_order.quantity} of {new_order.product} are left."
    return OrderError(HTTPStatus.CONFLICT, description, reason="out_of_stock")


def _to_json(order: Order) -> dict[str, object]:
    return {
        "id": order.id,
        "product": order.product.name,
        "quantity": order.quantity,
        "cents": order.cents,
        "placed_at": f"{order.placed_at.isoformat()}Z",
    }
