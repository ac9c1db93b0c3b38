"""The demo's shop, bare: what the throughput is measured on."""

from wsgi_observe.demo.app import create_app
from wsgi_observe.demo.models import Database

database = Database("sqlite:///file:shop.db?mode=rw&uri=true")
app = create_app(database)
ping = database.ping
