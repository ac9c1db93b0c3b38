"""A Django project as `startproject` makes it, with the admin and the REST framework."""

import re
from pathlib import Path

from tests.apps.application import HTTP_DATE, Application
from tests.apps.client import Client
from tests.apps.environments import Environment

SETTINGS = {"DJANGO_SETTINGS_MODULE": "production"}
ADMIN = {
    "DJANGO_SUPERUSER_USERNAME": "root",
    "DJANGO_SUPERUSER_PASSWORD": "hunter22",
    "DJANGO_SUPERUSER_EMAIL": "root@apps.test",
}
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


def prepare(environment: Environment, folder: Path) -> None:
    environment.check("django-admin", "startproject", "site_of_django", ".", cwd=folder)
    manage = ("python", "manage.py")
    environment.check(*manage, "migrate", cwd=folder, env=SETTINGS)
    environment.check(*manage, "createsuperuser", "--no-input", cwd=folder, env=SETTINGS | ADMIN)


def ask(client: Client) -> None:
    for path in ("/hello/", "/hello", "/stream/", "/stream/broken/", "/file/", "/warning/"):
        client.get(path)
    client.ask("HEAD", "/hello/")
    client.ask("OPTIONS", "/api/open/")
    _ask_for_errors(client)
    _ask_rest_framework(client)
    _use_admin(client)


def _ask_for_errors(client: Client) -> None:
    client.get("/boom/", envelope="", exc_type="LookupError")
    client.get("/nowhere/", envelope="")
    client.get("/missing/", envelope="")  # Django keeps the reason to itself without DEBUG
    client.get("/denied/", envelope="")
    client.get("/unavailable/")
    # Django logs these two itself, as ERROR, through the loggers of `django.security`.
    client.get("/suspicious/", envelope="", errors=1, exc_type="SuspiciousOperation")
    client.get("/hello/", {"Host": "evil.test"}, envelope="", errors=1, exc_type="DisallowedHost")
    client.ask("POST", "/order/", b"item=7", envelope="")  # CSRF


def _ask_rest_framework(client: Client) -> None:
    client.get("/api/open/")
    client.get("/api/fail/", envelope="", exc_type="LookupError")
    client.get("/api/refuse/")
    client.send_json("POST", "/api/open/", {})
    client.ask("DELETE", "/api/open/")
    client.get("/users/")
    client.get("/users/?format=json")
    client.get("/users/7/")
    client.send_json("POST", "/users/", {"username": "ada", "email": "no address"})
    client.send_json("POST", "/users/", {"username": "ada"})
    client.ask("POST", "/users/", b"{", {"Content-Type": "application/json"})
    client.ask("POST", "/users/", b"<a/>", {"Content-Type": "application/xml"})
    client.get("/users/", {"Accept": "application/pdf"})


def _use_admin(client: Client) -> None:
    client.get("/admin/")
    for password in ("wrong", "hunter22"):
        page = client.get("/admin/login/?next=/admin/").body.decode()
        (token,) = TOKEN.findall(page)
        form = {"csrfmiddlewaretoken": token, "username": "root", "password": password}
        client.post_form("/admin/login/?next=/admin/", form)
    for path in ("/admin/", "/admin/auth/user/", "/admin/auth/user/1/change/", "/admin/jsi18n/"):
        client.get(path)
    client.get("/admin/auth/user/99/change/")
    client.get("/admin/nowhere/", envelope="")


APPLICATION = Application(
    name="django",
    requirements=("django>=5.2", "djangorestframework>=3.16"),
    entry="site_of_django.wsgi",
    files="django",
    prepare=prepare,
    ask=ask,
    env=SETTINGS,
    varying=(
        r'(?<=name="csrfmiddlewaretoken" value=")\w+',
        r"\b\d\d:\d\d:\d\d\b",
        r'(?<="csrfToken": ")\w+',
        r"(?<=<bdi>)[\w/+*]+",  # salt and hash of a password
        HTTP_DATE,
    ),
)
