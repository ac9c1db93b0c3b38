"""The shop's database: products and orders, in SQLAlchemy's declarative style."""

from datetime import datetime
from pathlib import Path
from typing import cast

from flask import current_app
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
    """Base class of the tables."""


class Product(Base):
    """A product for sale; the database keeps its stock from falling below zero."""

    __tablename__ = "products"
    __table_args__ = (CheckConstraint("stock >= 0", name="in_stock"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    cents: Mapped[int]
    stock: Mapped[int]


class Order(Base):
    """An order of a quantity of one product."""

    __tablename__ = "orders"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  # no second order gets an ID

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey(Product.id))
    product: Mapped[Product] = relationship(lazy="joined", innerjoin=True)
    quantity: Mapped[int]
    placed_at: Mapped[datetime] = mapped_column(server_default=func.current_timestamp())

    @property
    def cents(self) -> int:
        """The price of the whole order."""
        return self.product.cents * self.quantity


class Database:
    """A database: its sessions, its tables and its readiness check."""

    def __init__(self, url: str | URL) -> None:
        # Without a pool each session opens the file again, so that readiness notices at once when
        # the file is moved away, and when it is back.
        self._engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": 0.5})
        self.session = sessionmaker(self._engine)

    def create_tables(self) -> None:
        """Create the tables that do not exist yet."""
        Base.metadata.create_all(self._engine)

    def ping(self) -> None:
        """Check readiness by reading one row: SQLite opens any file without an error."""
        with self.session() as session:
            session.execute(select(Product.id).limit(1))


def open_session() -> Session:
    """Return a new session with the database of the current app."""
    return cast(Database, current_app.extensions["database"]).session()


PRODUCTS = (("teapot", 2450, 40), ("cup", 890, 200), ("kettle", 5900, 12), ("samovar", 41900, 1))
ORDER_COUNT = 12


def seed(path: Path) -> None:
    """Create a database file with products and some orders."""
    database = Database(URL.create("sqlite", database=str(path)))
    database.create_tables()
    products = [Product(name=name, cents=cents, stock=stock) for name, cents, stock in PRODUCTS]
    with database.session.begin() as session:
        session.add_all(products)
        session.add_all(_order(products, number) for number in range(ORDER_COUNT))


def _order(products: list[Product], number: int) -> Order:
    return Order(product=products[number % len(products)], quantity=1 + number % 3)
