"""An app that tells the log every secret it meets, and then fails."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from base64 import b64encode
from dataclasses import dataclass
from typing import NoReturn

from flask import Flask, request
from sqlalchemy import create_engine, text

from tests.canaries import planted
from tests.canary_objects import made
from wsgi_observe import bind
from wsgi_observe.flask import Observe
from wsgi_observe.settings import Settings

_log = logging.getLogger("canary")
engine = create_engine("sqlite://")


class PaymentError(Exception):
    pass


@dataclass
class Account:
    """Shows its password by its name, and its token without one."""

    password: str
    hidden_token: str

    def __str__(self) -> str:
        return f"<Account password={self.password!r} {self.hidden_token}>"


def pay(token: str) -> NoReturn:
    bind(**planted("bind"))
    tell_what_was_sent()
    tell_what_is_known()
    tell_forms()
    in_a_thread()
    request.environ["wsgi.errors"].write(f"{_pairs('wsgi.errors')}\n")
    warnings.warn(_pairs("warning"), stacklevel=1)
    fail(token)


def tell_what_was_sent() -> None:
    # Links are looked for where a name says that it is a URL, as `HTTP_REFERER` below.
    _log.info("headers: %s", {k: v for k, v in request.headers.items() if k != "Referer"})
    _log.info("environ", extra={"environ": {k: str(v) for k, v in request.environ.items()}})
    _log.info("cookies: %r", dict(request.cookies))
    _log.warning("asked for %s", request.url)
    if request.is_json:
        _log.info("body: %s", request.get_data(as_text=True))
        _log.info("body", extra={"body": request.get_json()})
    else:
        _log.info("form: %s", request.form.to_dict())
        _log.info("body: %s", request.get_data(as_text=True))


def tell_what_is_known() -> None:
    extra = planted("extra")
    nested = {"user": [{"login": {name: [value]}} for name, value in extra.items()]}
    _log.info("known", extra={"order": nested, "tuple": tuple(extra.items())})
    _log.info("settings %s and %r", {"a": [planted("log argument")]}, planted("log argument"))
    said = planted("log text")
    _log.info("password: %s", said["password"])
    _log.info("the access key = %s is refused", said["access key"])
    _log.info("ran deploy --token %s --now", said["--token"])
    _log.info("Set-Cookie: id=%s; Path=/", said["Set-Cookie"])
    _log.info("account", extra={"account": Account(**planted("object"))})
    for name, one in made(planted("logged object")).items():
        _log.info("%s", name, extra={"held": one})


def tell_forms() -> None:
    for name, form in forms().items():
        _log.info("%s %s", "seen", form, extra={"seen": {"as": [form]}})
        _log.info("%s was %s", name, form)


def forms() -> dict[str, str]:
    """Return the secrets that a text gives away by its form."""
    plain = planted("form of its own")
    basic = b64encode(f"jane:{plain['basic']}".encode()).decode()
    return {
        "bearer": f"Bearer {plain['bearer']}",
        "basic": f"Basic {basic}",
        "json web token": f"eyJhbGciOiJIUzI1NiJ9.{plain['json web token']}.c2ln",
        "private key": "-----BEGIN RSA PRIVATE KEY-----\n"
        f"MIIE\n{plain['private key']}\n-----END RSA PRIVATE KEY-----",
        "url": f"postgresql://shop:{plain['url']}@db.internal:5432/shop",
        "url with an @": f"redis://:p@{plain['url with an @']}#1@cache/0",
        "user of a url": f"https://{plain['user of a url']}@git.internal/shop.git",
        "query of a url": f"https://idp.internal/back?code={plain['query of a url']}&page=2",
    }


def in_a_thread() -> None:
    def work() -> None:
        raise PaymentError(_pairs("thread"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def fail(token: str) -> NoReturn:
    local_password, local_token = planted("local").values()
    held = [*made(planted("frame object")).values()]
    first, second = held[:7], held[7:]  # Sentry shows ten of each list
    try:
        try:
            store()
        except Exception as error:
            raise KeyError(planted("cause")) from error
    except KeyError as error:
        count = len(local_password + local_token) + len(first + second)
        raise PaymentError(f"{_pairs('exception')} of {count}") from error


def store() -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE account (password_hash, api_token, note NOT NULL)"))
        statement = "INSERT INTO account VALUES (:password_hash, :api_token || :note, :missing)"
        connection.execute(text(statement), {**planted("sql"), "missing": None})


def _pairs(place: str) -> str:
    return ", ".join(f"{name}={secret}" for name, secret in planted(place).items())


def make_app() -> Flask:
    app = Flask("canary")
    app.add_url_rule("/pay/<token>", view_func=pay, methods=["POST"])
    app.add_url_rule("/<action>/<rest>", view_func=lambda action, rest: "fine", endpoint="follow")
    Observe(app, Settings.from_env(os.environ))
    return app
