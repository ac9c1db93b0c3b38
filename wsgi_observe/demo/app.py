"""The application factory of the demo shop."""

from flask import Flask

from wsgi_observe.demo import orders, reports
from wsgi_observe.demo.models import Database


def create_app(database: Database) -> Flask:
    """Create the shop on a database."""
    app = Flask(__name__)
    app.extensions["database"] = database
    app.register_blueprint(orders.blueprint)
    app.register_blueprint(reports.blueprint)
    return app
