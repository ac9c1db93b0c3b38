"""What a new shop starts with."""

from pathlib import Path

from sqlalchemy import URL

from wsgi_observe.demo.database import Database
from wsgi_observe.demo.models import Order, Product

PRODUCTS = (("teapot", 2450, 40), ("cup", 890, 200), ("kettle", 5900, 12), ("samovar", 41900, 1))
ORDERS = 12


def seed(path: Path) -> None:
    """Make a database file with products and a dozen orders."""
    database = Database(URL.create("sqlite", database=str(path)))
    database.create_tables()
    products = [Product(name=name, cents=cents, stock=stock) for name, cents, stock in PRODUCTS]
    with database.session.begin() as session:
        session.add_all(products)
        session.add_all(_order(products, number) for number in range(ORDERS))


def _order(products: list[Product], number: int) -> Order:
    return Order(product=products[number % len(products)], quantity=1 + number % 3)
