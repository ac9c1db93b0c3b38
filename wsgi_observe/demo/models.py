"""The shop's tables: what is for sale, and who ordered how much of it."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


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
