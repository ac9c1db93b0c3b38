"""The shop's connection to its database."""

from typing import cast

from flask import Flask, current_app
from sqlalchemy import URL, create_engine, select
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool

from wsgi_observe.demo.models import Base, Product


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
