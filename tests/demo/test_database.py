"""Whether the shop's database can be read."""

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from wsgi_observe.demo.models import Database, seed


def test_a_database_that_comes_back_is_read_again(tmp_path: Path) -> None:
    shop, away = tmp_path / "shop.db", tmp_path / "away.db"
    seed(shop)
    database = Database(f"sqlite:///file:{shop}?mode=rw&uri=true")
    database.ping()
    shop.rename(away)
    with pytest.raises(OperationalError):
        database.ping()
    away.rename(shop)
    database.ping()


def test_a_file_that_is_no_shop_does_not_count_as_its_database(tmp_path: Path) -> None:
    empty = tmp_path / "shop.db"
    empty.touch()
    with pytest.raises(OperationalError):
        Database(f"sqlite:///{empty}").ping()
