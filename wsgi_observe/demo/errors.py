"""How the shop says no."""

import logging
from http import HTTPStatus

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue

from wsgi_observe import current_request_id

logger = logging.getLogger(__name__)


class OrderError(Exception):
    """The shop declines: a sentence for people, and facts for programs."""

    def __init__(self, status: HTTPStatus, description: str, **members: object) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.members = members


def init_app(app: Flask) -> None:
    """Answer every `OrderError` that a view of the app raises."""
    app.register_error_handler(OrderError, _handle_order_error)


def _handle_order_error(error: OrderError) -> ResponseReturnValue:
    logger.info("order refused", extra=error.members)
    body = {
        "code": error.status.value,
        "name": error.status.phrase,
        "description": error.description,
        "request_id": current_request_id(),
    }
    return jsonify(body | error.members), error.status
