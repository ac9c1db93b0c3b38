"""A real Redis for the brokers of the tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.redis_server import redis_server


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis server that is running."""
    with redis_server(Path(tmp_path_factory.mktemp("redis"))) as url:
        yield url
