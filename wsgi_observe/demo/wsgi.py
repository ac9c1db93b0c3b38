"""The WSGI module that Gunicorn loads: logging configured, the shop created and observed."""

from wsgi_observe import configure_logging

configure_logging()  # before the app exists, so that Flask adds no handler of its own

from wsgi_observe.demo.app import create_app
from wsgi_observe.demo.models import Database
from wsgi_observe.flask import Observe

database = Database("sqlite:///file:shop.db?mode=rw&uri=true")
app = create_app(database)
Observe(app, checks={"db": database.ping})
