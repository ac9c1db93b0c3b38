"""How the shop says no."""

import logging
from http import HTTPStatus

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue

from wsgi_observe import current_request_id

logger = logging.getLogger(__name__)


class Refusal(Exception):
    """The shop declines: a sentence for people, and facts for programs."""

    def __init__(self, status: HTTPStatus, description: str, **facts: object) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.facts = facts


def init_app(app: Flask) -> None:
    """Answer every `Refusal` that a view of the app raises."""
    app.register_error_handler(Refusal, _answer)


def _answer(refusal: Refusal) -> ResponseReturnValue:
    logger.info("order refused", extra=refusal.facts)
    body = {
        "code": refusal.status.value,
        "name": refusal.status.phrase,
        "description": refusal.description,
        "request_id": current_request_id(),
    }
    return jsonify(body | refusal.facts), refusal.status
