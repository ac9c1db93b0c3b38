"""The shop's tables: what is for sale, and who ordered how much of it."""

from datetime import datetime
from pathlib import Path
from typing import cast

from flask import Flask, current_app
from sqlalchemy import URL, CheckConstraint, ForeignKey, create_engine, func, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    relationship,
    sessionmaker,
)
from sqlalchemy.pool import NullPool


class Base(DeclarativeBase):
    """What every table of the shop is made from."""


class Product(Base):
    """Something for sale; its stock never falls below zero, whoever orders at once."""

    __tablename__ = "products"
    __table_args__ = (CheckConstraint("stock >= 0", name="in_stock"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    cents: Mapped[int]
    stock: Mapped[int]


class Order(Base):
    """A quantity of one product, ordered at one moment."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey(Product.id))
    product: Mapped[Product] = relationship(lazy="joined", innerjoin=True)
    quantity: Mapped[int]
    placed_at: Mapped[datetime] = mapped_column(server_default=func.current_timestamp())

    @property
    def cents(self) -> int:
        """What the whole order costs."""
        return self.product.cents * self.quantity


class Database:
    """One database: its sessions, its tables, and whether it can be read."""

    def __init__(self, url: str | URL) -> None:
        # Without a pool every session opens the file anew: a database that was
        # taken away is missed at once, and one that came back is found at once.
        self._engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": 0.5})
        self.session = sessionmaker(self._engine)

    def init_app(self, app: Flask) -> None:
        """Make this the database that `open_session` uses within the app."""
        app.extensions["database"] = self

    def create_tables(self) -> None:
        """Create the tables that are not there yet."""
        Base.metadata.create_all(self._engine)

    def ping(self) -> None:
        """Read one row, since SQLite opens a file that is no database without a word."""
        with self.session() as session:
            session.execute(select(Product.id).limit(1))


def open_session() -> Session:
    """Open a session with the database of the running app."""
    return cast(Database, current_app.extensions["database"]).session()


PRODUCTS = (("teapot", 2450, 40), ("cup", 890, 200), ("kettle", 5900, 12), ("samovar", 41900, 1))
ORDER_COUNT = 12


def seed(path: Path) -> None:
    """Make a database file with products and a dozen orders."""
    database = Database(URL.create("sqlite", database=str(path)))
    database.create_tables()
    products = [Product(name=name, cents=cents, stock=stock) for name, cents, stock in PRODUCTS]
    with database.session.begin() as session:
        session.add_all(products)
        session.add_all(_order(products, number) for number in range(ORDER_COUNT))


def _order(products: list[Product], number: int) -> Order:
    return Order(product=products[number % len(products)], quantity=1 + number % 3)
