"""What a client may order, read from JSON."""

from dataclasses import dataclass
from http import HTTPStatus

from wsgi_observe.demo.refusals import Refusal

MOST = 1000


@dataclass(frozen=True)
class NewOrder:
    """An order that is not placed yet."""

    product: str
    quantity: int


def read_new_order(body: object) -> NewOrder:
    """Read what is ordered, or refuse it with what is wrong in each field."""
    fields = body if isinstance(body, dict) else {}
    product, quantity = fields.get("product", ""), fields.get("quantity", 0)
    errors = {}
    if not isinstance(product, str) or not product:
        errors["product"] = "must be the name of a product"
    if type(quantity) is not int or not 1 <= quantity <= MOST:  # JSON's true is an int, too
        errors["quantity"] = f"must be a whole number from 1 to {MOST}"
    if errors:
        raise unreadable(**errors)
    return NewOrder(product, quantity)


def unreadable(**errors: str) -> Refusal:
    """Make the refusal of an order with fields that do not fit."""
    sentence = "The order has fields that do not fit."
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, sentence, errors=errors)
