"""The app that the documentation's examples observe."""

from flask import Flask


def create_app() -> Flask:
    app = Flask("shop")
    app.get("/")(lambda: "hello")
    return app


def ping_database() -> None:
    pass


app = create_app()
application = create_app()
