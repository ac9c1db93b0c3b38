"""The application factory of the demo shop."""

from flask import Flask

from wsgi_observe.demo import orders, reports
from wsgi_observe.demo.models import Database


def create_app(database: Database, checkout: orders.Checkout | None = None) -> Flask:
    """Create the shop on a database.

    :param checkout: by default nothing is paid and no receipt sent.
    """
    app = Flask(__name__)
    app.extensions["database"] = database
    app.extensions["checkout"] = checkout or orders.Checkout()
    app.register_blueprint(orders.blueprint)
    app.register_blueprint(reports.blueprint)
    return app
