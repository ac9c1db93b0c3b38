"""A shop that brings its database up to date while it starts, as Flask-Migrate is often used."""

import logging

from flask import Flask, Response, abort, request
from flask_migrate import Migrate, upgrade
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()
log = logging.getLogger(__name__)


class Order(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    item = db.Column(db.String(80), unique=True, nullable=False)


def create_app(upgrades=True):
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///shop.db"
    db.init_app(app)
    Migrate(app, db)
    if upgrades:
        with app.app_context():
            upgrade()  # Alembic's env.py calls fileConfig, which disables all existing loggers
    app.add_url_rule("/orders", view_func=list_orders)
    app.add_url_rule("/orders", view_func=add_order, methods=["POST"])
    app.add_url_rule("/orders/<int:number>", view_func=show_order)
    app.add_url_rule("/boom", view_func=boom)
    app.add_url_rule("/stream", view_func=stream)
    return app


def list_orders():
    return [{"id": order.id, "item": order.item} for order in Order.query.order_by(Order.id)]


def add_order():
    order = Order(item=request.json["item"])
    db.session.add(order)
    db.session.commit()
    log.warning("order %s", order.id)
    return {"id": order.id}, 201


def show_order(number):
    order = db.session.get(Order, number)
    if order is None:
        abort(404, f"There is no order {number}")
    return {"item": order.item}


def boom():
    raise LookupError("no such price")


def stream():
    def parts():
        yield "one part\n"
        raise LookupError("no second part")

    return Response(parts())
