"""Apps that pass all twelve questions, into which tests plant a fault."""

FLASK = {
    "shop/__init__.py": """\
from flask import Flask
from shop.logs import configure
configure()
from shop import api, config, errors, health, ids

def create_app():
    app = Flask(__name__)
    app.config.from_object(config.Production)
    errors.register(app)
    ids.register(app)
    app.register_blueprint(api.blueprint)
    app.register_blueprint(health.blueprint)
    app.wsgi_app = errors.Buffering(app.wsgi_app)
    return app
""",
    "shop/config.py": """\
class Base:
    SECRET_KEY = "x"
    MAX_CONTENT_LENGTH = 1_000_000

class Production(Base):
    PREFERRED_URL_SCHEME = "https"

class Development(Base):
    DEBUG = True
""",
    "shop/api.py": """\
import logging
from flask import Blueprint, current_app, request
from shop.errors import OutOfStock, respond

log = logging.getLogger(__name__)
blueprint = Blueprint("api", __name__, url_prefix="/api")

class BadOrder(ValueError):
    pass

@blueprint.errorhandler(BadOrder)
def bad_order(error):
    return respond(422, "Unprocessable Entity", "It is invalid.", errors={"sku": ["?"]})

@blueprint.post("/orders")
def order():
    log.info("order of %s items", len(request.get_json()))
    raise OutOfStock("A1")
""",
    "shop/errors.py": '''\
import json
from flask import current_app, jsonify
from werkzeug.exceptions import HTTPException

class ShopError(Exception):
    status_code = 400
    description = "The order is refused."

class OutOfStock(ShopError):
    status_code = 409
    def __init__(self, sku):
        super().__init__(sku)
        self.sku = sku

def respond(code, name, description, **more):
    return jsonify(code=code, name=name, description=description, **more), code

def handle_http(error):
    response = error.get_response()
    body = {"code": error.code, "name": error.name, "description": error.description}
    response.data = json.dumps(body)
    response.content_type = "application/json"
    return response

def handle_business(error):
    return respond(error.status_code, "Refused", error.description)

def handle_crash(error):
    current_app.logger.exception("request failed")
    return respond(500, "Internal Server Error", "Please try again.")

def register(app):
    app.register_error_handler(HTTPException, handle_http)
    app.register_error_handler(ShopError, handle_business)
    app.register_error_handler(Exception, handle_crash)

class Buffering:
    """Answer what fails outside of the handlers."""
    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        started = []
        try:
            body = self.app(environ, lambda *args: started.append(args))
            chunks = list(body)
            body.close()
        except Exception:
            request_id = environ.get("HTTP_X_REQUEST_ID", "-")
            headers = [("Content-Type", "application/json"), ("X-Request-ID", request_id)]
            start_response("500 Internal Server Error", headers)
            error = {"code": 500, "name": "Error", "description": "Please try again."}
            return [json.dumps(error).encode()]
        start_response(*started[-1])
        return chunks
''',
    "shop/ids.py": """\
import uuid
from flask import current_app, g, request
from shop import logs

def register(app):
    @app.before_request
    def begin():
        request_id = request.headers.get("X-Request-ID") or str(uuid.uuid4())
        logs.current_id.set(request_id)
        g.request_id = request_id

    @app.after_request
    def end(response):
        response.headers["X-Request-ID"] = g.request_id
        current_app.logger.info("%s %s %s", request.method, request.path, response.status_code)
        return response
""",
    "shop/logs.py": """\
import contextvars, json, logging, re
from logging.config import dictConfig

current_id = contextvars.ContextVar("current_id", default="-")
SECRETS = re.compile(r"(password=|://[^:/ ]+:)[^\\\\s@\\"]+|[0-9]{16}")

class JsonFormatter(logging.Formatter):
    def format(self, record):
        line = {"level": record.levelname, "logger": record.name, "message": record.getMessage()}
        line["request_id"] = current_id.get()
        if record.exc_info:
            line["exc_info"] = self.formatException(record.exc_info)
        return SECRETS.sub(r"\\\\1***", json.dumps(line))

def configure():
    dictConfig({
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "json",
            },
        },
        "root": {"level": "INFO", "handlers": ["stdout"]},
    })
""".replace("\\\\", "\\"),
    "shop/health.py": """\
import sqlite3
from flask import Blueprint, current_app

blueprint = Blueprint("health", __name__)

def ping():
    with sqlite3.connect(":memory:", timeout=0.5) as connection:
        connection.execute("SELECT 1")

@blueprint.get("/health")
def health():
    return {"status": "ok"}

@blueprint.get("/ready")
def ready():
    try:
        ping()
    except sqlite3.Error:
        return {"status": "unavailable"}, 503
    return {"status": "ok"}
""",
}

_OBSERVED = """\
from wsgi_observe import configure_logging, observe
configure_logging()
"""

DJANGO = {
    "site_settings.py": """\
import os
SECRET_KEY = "x"
DEBUG = os.environ.get("DEBUG") == "1"
ALLOWED_HOSTS = ["shop.example"]
ROOT_URLCONF = "site_urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "site_middleware.Audit",
    "django.middleware.common.CommonMiddleware",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
LOGGING_CONFIG = None
""",
    "site_middleware.py": """\
import logging
log = logging.getLogger(__name__)

class Audit:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        log.info("audit of %s", request.path)
        return self.get_response(request)
""",
    "site_urls.py": """\
from django.http import JsonResponse
from django.urls import path

def orders(request):
    return JsonResponse({"orders": []})

def crash(request):
    body = {"code": 500, "name": "Error", "description": "Please try again."}
    return JsonResponse(body, status=500)

handler500 = crash
urlpatterns = [path("orders/", orders)]
""",
    "site_wsgi.py": f"""\
import os
{_OBSERVED}from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")

def ping():
    from django.db import connection
    connection.ensure_connection()
    connection.cursor().execute("SELECT 1")

application = observe(get_wsgi_application(), checks={{"db": ping}})
""",
}

BOTTLE = {
    "shop.py": """\
import logging
from bottle import Bottle, response
log = logging.getLogger("shop")
app = Bottle()

@app.get("/orders")
def orders():
    log.info("orders are listed")
    return {"orders": []}

@app.error(500)
def crash(error):
    response.content_type = "application/json"
    return '{"code": 500, "name": "Error", "description": "Please try again."}'

""",
}

FALCON = {
    "shop.py": f"""\
import logging
{_OBSERVED}import falcon
log = logging.getLogger("shop")

class Orders:
    def on_get(self, request, response):
        response.media = {{"orders": []}}

def crash(request, response, error, params):
    log.exception("request failed")
    response.status = 500
    response.media = {{"code": 500, "name": "Error", "description": "Please try again."}}

app = falcon.App()
app.add_route("/orders", Orders())
app.add_error_handler(RuntimeError, crash)
application = observe(app)
""",
}

PYRAMID = {
    "shop.py": f"""\
import logging
{_OBSERVED}from pyramid.config import Configurator
from pyramid.response import Response
log = logging.getLogger("shop")

def orders(request):
    return {{"orders": []}}

def crash(error, request):
    log.error("request failed", exc_info=error)
    body = {{"code": 500, "name": "Error", "description": "Please try again."}}
    return Response(json_body=body, status=500)

with Configurator() as config:
    config.add_route("orders", "/orders")
    config.add_view(orders, route_name="orders", renderer="json")
    config.add_exception_view(crash, context=RuntimeError)
    app = config.make_wsgi_app()
application = observe(app)
""",
}
