"""What the WSGI server loads: the shop, observed."""

from wsgi_observe import configure_logging, observe

configure_logging()  # before the app exists, so that Flask adds no handler of its own

from wsgi_observe.demo.app import create_app
from wsgi_observe.demo.models import Database

database = Database("sqlite:///file:shop.db?mode=rw&uri=true")
app = create_app(database)
app.wsgi_app = observe(app.wsgi_app, checks={"db": database.ping})
