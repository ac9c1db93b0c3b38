"""The shop in process, on a database of its own."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from wsgi_observe.demo.app import create_app
from wsgi_observe.demo.models import Database, seed
from wsgi_observe.flask import register_error_handlers


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    seed(tmp_path / "shop.db")
    app = create_app(Database(f"sqlite:///{tmp_path}/shop.db"))
    register_error_handlers(app)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
