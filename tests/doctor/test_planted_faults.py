"""Good apps with one planted fault each: the doctor names it, and nothing else."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.doctor import good_apps
from tests.marks import slow_except
from wsgi_observe.doctor.answer import Answer, Result
from wsgi_observe.doctor.options import Options
from wsgi_observe.doctor.process import examine
from wsgi_observe.doctor.questions import QUESTIONS

APPS = {
    "flask": (good_apps.FLASK, "shop:create_app()", False),
    "django": (good_apps.DJANGO, "site_wsgi", False),
    # What it writes to `wsgi.errors` comes out as it is without Gunicorn's logger class.
    "bottle": (good_apps.BOTTLE, "shop:app", True),
    "falcon": (good_apps.FALCON, "shop:application", False),
    "pyramid": (good_apps.PYRAMID, "shop:application", False),
}


@dataclass(frozen=True)
class Planted:
    """A fault: a text of a good app's file is replaced.

    :ivar line: a part of the line that is named; empty if none is.
    :ivar is_risk: whether it is a warning.
    """

    app: str
    file: str
    old: str
    new: str
    number: int
    seen: str
    line: str = ""
    is_risk: bool = False


PLANTED = {
    "status of a business error": Planted(
        "flask",
        "shop/errors.py",
        'return respond(error.status_code, "Refused", error.description)',
        'return jsonify(code=409, name="Refused", description=error.description)',
        3,
        "ShopError is answered with 200",
        "def handle_business",
    ),
    "page of a code": Planted(
        "flask",
        "shop/errors.py",
        "    app.register_error_handler(ShopError, handle_business)",
        "    app.register_error_handler(ShopError, handle_business)\n"
        "    app.register_error_handler(405, lambda error: (f'<h1>{error.name}</h1>', 405))",
        1,
        "text/html for wrong method (405)",
        "register_error_handler(405",
    ),
    "shape of a blueprint": Planted(
        "flask",
        "shop/api.py",
        'return respond(422, "Unprocessable Entity", "It is invalid.", errors={"sku": ["?"]})',
        'return {"message": "The order is invalid."}, 422',
        5,
        "BadOrder: {message}; most errors: {code, name, description}",
        "@blueprint.errorhandler(BadOrder)",
    ),
    "page of a blueprint": Planted(
        "flask",
        "shop/api.py",
        'return respond(422, "Unprocessable Entity", "It is invalid.", errors={"sku": ["?"]})',
        'return "The order is invalid.", 422',
        5,
        "text/html for BadOrder; most errors: {code, name, description}",
        "@blueprint.errorhandler(BadOrder)",
    ),
    "text of an exception": Planted(
        "flask",
        "shop/errors.py",
        'return respond(500, "Internal Server Error", "Please try again.")',
        'return respond(500, "Internal Server Error", f"Sorry: {error}")',
        6,
        "text of a RuntimeError",
        "def handle_crash",
    ),
    "cause of an exception": Planted(
        "flask",
        "shop/errors.py",
        'return respond(error.status_code, "Refused", error.description)',
        'return respond(error.status_code, "Refused", f"Refused: {error.__cause__}")',
        6,
        "cause of ShopError",
        "def handle_business",
    ),
    "settings of the laptop": Planted(
        "flask",
        "shop/__init__.py",
        "config.Production",
        "config.Development",
        2,
        "DEBUG is on in Flask",
        "",
    ),
    "disabled loggers": Planted(
        "flask",
        "shop/__init__.py",
        "def create_app():",
        "from logging.config import dictConfig\n"
        'dictConfig({"version": 1, "loggers": {"urllib3": {"level": "INFO"}}})\n\n'
        "def create_app():",
        7,
        "has disabled the logger shop.api",
        "dictConfig({",
    ),
    "text of a dict": Planted(
        "flask",
        "shop/logs.py",
        "json.dumps(line)",
        "str(line)",
        8,
        "INFO of the logger shop is not JSON: {'level': 'INFO'",
    ),
    "level from a variable": Planted(
        "flask",
        "shop/__init__.py",
        "    return app",
        '    import logging, os\n    logging.root.setLevel(os.environ.get("LOG_LEVEL", "ERROR"))\n'
        "    return app",
        8,
        "the level is ERROR",
        "logging.root.setLevel",
    ),
    "no ID on errors": Planted(
        "flask",
        "shop/ids.py",
        '        response.headers["X-Request-ID"] = g.request_id\n',
        "        if response.status_code < 400:\n"
        '            response.headers["X-Request-ID"] = g.request_id\n',
        9,
        "X-Request-ID of a request is not in the response: 500, 404",
    ),
    "one ID for all": Planted(
        "flask",
        "shop/ids.py",
        "str(uuid.uuid4())",
        "str(uuid.UUID(int=uuid.getnode()))",
        9,
        "several requests get the same ID",
    ),
    "file beside": Planted(
        "flask",
        "shop/__init__.py",
        "    return app",
        '    import logging.handlers\n    file = logging.handlers.RotatingFileHandler("shop.log")\n'
        "    app.logger.addHandler(file)\n    return app",
        10,
        "RotatingFileHandler on shop writes to the file",
        "app.logger.addHandler",
        is_risk=True,
    ),
    "headers in a line": Planted(
        "flask",
        "shop/ids.py",
        'current_app.logger.info("%s %s %s", request.method, request.path, response.status_code)',
        'current_app.logger.info("%s %s", request.path, dict(request.headers))',
        11,
        "log lines have the header Authorization",
        "current_app.logger.info",
    ),
    "liveness with a database": Planted(
        "flask",
        "shop/health.py",
        "def health():\n",
        "def health():\n    ping()\n",
        12,
        "GET /health touches",
        "    with sqlite3.connect",
    ),
    "readiness without a status": Planted(
        "flask",
        "shop/health.py",
        '{"status": "unavailable"}, 503',
        '{"status": "unavailable"}',
        12,
        "GET /ready answers 200 application/json while",
        "    with sqlite3.connect",
    ),
    "login before probes": Planted(
        "flask",
        "shop/health.py",
        "def ping():",
        "@blueprint.before_app_request\ndef log_in():\n    from flask import request\n"
        '    if request.path == "/health" and "user" not in request.cookies:\n'
        '        return {"code": 401, "name": "No", "description": "Log in."}, 401\n\n'
        "def ping():",
        12,
        "GET /health answers 401",
    ),
    "django: page of a view": Planted(
        "django",
        "site_urls.py",
        "return JsonResponse(body, status=500)",
        'from django.http import HttpResponse\n    return HttpResponse("Sorry", status=500)',
        1,
        "text/html for exception in a view (500)",
        "def crash",
    ),
    "django: probe with a session": Planted(
        "django",
        "site_urls.py",
        "urlpatterns = [",
        "def health(request):\n"
        "    from django.contrib.auth.models import User\n"
        '    return JsonResponse({"users": User.objects.count()})\n\n'
        'urlpatterns = [path("health", health), ',
        12,
        "GET /health touches",
        "User.objects.count",
    ),
    "django: token in a line": Planted(
        "django",
        "site_middleware.py",
        'log.info("audit of %s", request.path)',
        'print(f"audit of {request.get_full_path()}")',
        11,
        "log lines have token in the query",
    ),
    "bottle: traceback": Planted(
        "bottle",
        "shop.py",
        """return '{"code": 500, "name": "Error", "description": "Please try again."}'""",
        'import json\n    return json.dumps({"code": 500, "description": error.traceback})',
        6,
        "the traceback is in the body of the 500 response",
        "@app.error(500)",
    ),
    "falcon: text of an exception": Planted(
        "falcon",
        "shop.py",
        '"description": "Please try again."',
        '"description": f"Failed: {error}"',
        6,
        "text of a RuntimeError",
        "def crash",
    ),
    "pyramid: status of a view": Planted(
        "pyramid",
        "shop.py",
        "return Response(json_body=body, status=500)",
        "return Response(json_body=body)",
        1,
        "application/json without an error's status for exception in a view (200)",
        "def crash",
    ),
}
FAST = {"status of a business error", "django: token in a line"}


def write_app(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def ask_all(folder: Path, name: str) -> list[Answer]:
    _, target, is_observed = APPS[name]
    numbers = tuple(question.number for question in QUESTIONS)
    options = Options(target=target, numbers=numbers, is_observed=is_observed)
    return examine(options, folder=folder).answers


@pytest.mark.parametrize(
    "name",
    slow_except(APPS, "flask"),
)
def test_a_good_app_has_no_fault(tmp_path: Path, name: str) -> None:
    write_app(tmp_path, APPS[name][0])
    answers = ask_all(tmp_path, name)
    assert [answer for answer in answers if answer.faults] == []
    skipped = [answer.number for answer in answers if answer.result is Result.SKIP]
    assert skipped == ([] if name == "flask" else [3, 4])


@pytest.mark.parametrize(
    "name",
    slow_except(PLANTED, *FAST),
)
def test_a_planted_fault_is_named_and_nothing_else(tmp_path: Path, name: str) -> None:
    planted = PLANTED[name]
    files = APPS[planted.app][0]
    assert planted.old in files[planted.file]
    text = files[planted.file].replace(planted.old, planted.new)
    write_app(tmp_path, {**files, planted.file: text})
    faults = {one.number: one.faults for one in ask_all(tmp_path, planted.app) if one.faults}
    assert list(faults) == [planted.number], faults
    (fault,) = faults[planted.number]
    assert planted.seen in fault.seen
    assert fault.is_warning == planted.is_risk
    if planted.line:
        (number,) = (n for n, line in enumerate(text.split("\n"), 1) if planted.line in line)
        assert fault.where == f"{planted.file}:{number}"
