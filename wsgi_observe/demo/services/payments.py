"""The second service: payments, which charges cards."""

import logging

from flask import Flask, request
from flask.typing import ResponseReturnValue

from wsgi_observe import bind
from wsgi_observe.flask import InvalidAPIUsage

CURRENCIES = {"valid": "EUR", "foreign": "CHF"}  # by card
RATES = {"EUR": 1.0, "USD": 1.08}

app = Flask(__name__)
logger = logging.getLogger(__name__)


@app.post("/charges")
def charge() -> ResponseReturnValue:
    """Charge a card."""
    body = request.get_json()
    if body["card"] not in CURRENCIES:
        bind(reason="card_declined")
        raise InvalidAPIUsage("The card was declined.", 402, {"reason": "card_declined"})
    currency = CURRENCIES[body["card"]]
    charged = round(body["cents"] * RATES[currency])  # francs have no rate
    logger.info("card charged", extra={"cents": charged, "currency": currency})
    return {"cents": charged, "currency": currency}, 201
