"""A Redis server's check and its calls in requests: a real one where there is one, and others."""

import asyncio
import gc
import shutil
import socket
import subprocess
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

redis = pytest.importorskip("redis")

from tests.calls import call, doing  # noqa: E402
from tests.conftest import Log  # noqa: E402
from tests.jobs.redis_server import redis_server  # noqa: E402
from tests.support import eventually  # noqa: E402
from wsgi_observe import observe  # noqa: E402
from wsgi_observe.health import Readiness  # noqa: E402
from wsgi_observe.redis import check, instrument  # noqa: E402


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Any]:
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("there is no redis-server on PATH")
    path = f"{tmp_path}/redis.sock"
    command = [server, "--port", "0", "--unixsocket", path, "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with redis.Redis(unix_socket_path=path, max_connections=1) as client:
        eventually(lambda: Path(path).exists())
        yield client
    process.kill()
    process.wait()


def test_a_server_that_answers_is_ready(real: Any) -> None:
    assert Readiness({"cache": check(real)}).report().ready


def test_one_connection_serves_every_run(real: Any) -> None:
    readiness = Readiness({"cache": check(real)}, ttl=0)
    assert all(readiness.report().ready for _ in range(20))
    assert len(real.client_list()) == 1


def test_a_server_that_refuses_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        redis.Redis(port=port, retry=None) as client,
        pytest.raises(redis.ConnectionError, match="refused"),
    ):
        check(client)()


def test_a_server_that_hangs_costs_one_connection(listener: socket.socket) -> None:
    with redis.Redis(port=listener.getsockname()[1], retry=None) as client:
        readiness = Readiness({"cache": check(client)}, timeout=0.2, ttl=0)
        assert [readiness.report().ready for _ in range(5)] == [False] * 5
        connection, _ = listener.accept()
        listener.settimeout(0.2)
        with connection, pytest.raises(TimeoutError):
            listener.accept()
        eventually(lambda: not readiness.hanging)


@pytest.mark.parametrize("given", [None, "redis://localhost", redis.asyncio.Redis()], ids=type)
def test_what_is_no_synchronous_client_is_refused_at_start(given: Any) -> None:
    with pytest.raises(TypeError, match=r"client must be a redis\.Redis"):
        check(given)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[Any]:
    with instrument(redis.Redis.from_url(url)) as client:
        client.flushdb()
        yield client


@pytest.fixture(scope="module")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a cluster of one server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bus = str(listener.getsockname()[1])  # by default the port + 10,000, which may be none
    options = ("--cluster-enabled", "yes", "--cluster-port", bus)
    with redis_server(tmp_path_factory.mktemp("cluster"), *options) as url:
        with redis.Redis.from_url(url) as node:
            node.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            eventually(lambda: node.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        yield url.removesuffix("/0")


def request_that(act: Callable[[], object]) -> None:
    assert call(observe(doing(act))).code == 200


def run_pipeline(client: Any) -> None:
    with client.pipeline() as pipeline:
        pipeline.set("a", 1).incr("a").get("a")
        assert pipeline.execute()[1:] == [2, b"2"]


def run_empty_pipeline(client: Any) -> None:
    with client.pipeline() as pipeline:
        assert pipeline.execute() == []


def run_script_in_pipeline(client: Any) -> None:
    script = client.register_script("return 7")
    with client.pipeline() as pipeline:
        script(client=pipeline)
        assert pipeline.execute() == [7]


def run_transaction(client: Any) -> None:
    def double(pipeline: Any) -> None:
        value = int(pipeline.get("a") or 1)
        pipeline.multi()
        pipeline.set("a", value * 2)

    assert client.transaction(double, "a") == [True]


def fail(client: Any) -> None:
    with pytest.raises(redis.ResponseError):
        client.execute_command("NOSUCH")


def publish_and_listen(client: Any) -> None:
    with client.pubsub() as pubsub:
        pubsub.subscribe("news")
        client.publish("news", "hello")
        messages = [pubsub.get_message(timeout=1) for _ in range(2)]
        assert messages[1]["data"] == b"hello"


def use_threads(client: Any) -> None:
    threads = [
        threading.Thread(target=copy_context().run, args=(client.incr, "a")) for _ in range(3)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def instrument_again(client: Any) -> None:
    assert instrument(client) is client
    assert client.ping()


def use_one_connection(client: Any) -> None:
    with client.client() as single:
        single.set("a", 1)
        single.get("a")


@pytest.mark.parametrize(
    ("act", "number"),
    [
        pytest.param(lambda client: client.set("a", 1) and client.get("a"), 2, id="commands"),
        pytest.param(run_pipeline, 1, id="a pipeline"),
        pytest.param(run_empty_pipeline, None, id="an empty pipeline"),
        pytest.param(run_script_in_pipeline, 1, id="a pipeline that loads its script"),
        pytest.param(run_transaction, 3, id="WATCH, GET, and the transaction"),
        pytest.param(fail, 1, id="one that fails"),
        pytest.param(publish_and_listen, 1, id="a message, but not listening"),
        pytest.param(use_threads, 3, id="threads of the request"),
        pytest.param(instrument_again, 1, id="instrumented twice"),
        pytest.param(use_one_connection, 2, id="a client of one connection"),
    ],
)
def test_the_access_line_has_how_many_calls_there_were(
    act: Callable[[Any], object], number: int | None, client: Any, log: Log
) -> None:
    request_that(lambda: act(client))
    assert log.access.get("redis_calls") == number
    if number:
        assert log.access["redis_ms"] > 0


def test_a_blocking_read_is_timed_until_it_ends(client: Any, log: Log) -> None:
    request_that(lambda: client.blpop("queue", timeout=0.1))
    assert log.access["redis_calls"] == 1
    assert log.access["redis_ms"] >= 100


def test_what_redis_py_retries_is_one_call(log: Log) -> None:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with instrument(redis.Redis(port=port, retry=Retry(NoBackoff(), 3))) as client:

        def act() -> None:
            with pytest.raises(redis.ConnectionError):
                client.ping()

        request_that(act)
    assert log.access["redis_calls"] == 1


def test_outside_a_request_nothing_is_counted(client: Any, log: Log) -> None:
    client.ping()
    request_that(lambda: None)
    assert "redis_calls" not in log.access


def test_another_client_is_not_counted(client: Any, url: str, log: Log) -> None:
    with redis.Redis.from_url(url) as other:
        request_that(other.ping)
    assert "redis_calls" not in log.access


def test_a_client_that_is_dropped_is_not_kept() -> None:
    client = instrument(redis.Redis())
    gone = weakref.ref(client)
    gc.disable()
    try:
        del client
        assert gone() is None
    finally:
        gc.enable()


def run_async(make: Callable[[], Any], act: Callable[[Any], Awaitable[object]]) -> None:
    async def run() -> None:
        client = instrument(make())
        try:
            await act(client)
        finally:
            await client.aclose()

    request_that(lambda: asyncio.run(run()))


async def use_async_client(client: Any) -> None:
    await client.set("a", 1)
    with pytest.raises(redis.ResponseError):
        await client.lpush("a", 1)
    async with client.pipeline() as pipeline:
        pipeline.incr("a").get("a")
        assert await pipeline.execute() == [2, b"2"]


async def use_async_transaction(client: Any) -> None:
    async with client.pipeline() as pipeline:
        await pipeline.watch("a")
        await pipeline.get("a")
        pipeline.multi()
        pipeline.set("a", 2)
        assert await pipeline.execute() == [True]


@pytest.mark.parametrize("act", [use_async_client, use_async_transaction])
def test_the_calls_of_an_asynchronous_client_count(act: Any, url: str, log: Log) -> None:
    run_async(lambda: redis.asyncio.Redis.from_url(url), act)
    assert log.access["redis_calls"] == 3
    assert log.access["redis_ms"] > 0


def test_the_calls_to_a_cluster_count(cluster_url: str, log: Log) -> None:
    with instrument(redis.RedisCluster.from_url(cluster_url)) as client:
        request_that(lambda: (client.set("a", 1), run_pipeline(client)))
    assert log.access["redis_calls"] == 2


def test_the_calls_of_an_asynchronous_client_to_a_cluster_count(cluster_url: str, log: Log) -> None:
    run_async(lambda: redis.asyncio.RedisCluster.from_url(cluster_url), use_async_client)
    assert log.access["redis_calls"] == 3


@pytest.mark.parametrize(
    "thing",
    [None, "redis://localhost", redis.Redis, redis.Redis().pipeline(), redis.Redis().pubsub()],
    ids=["None", "a URL", "a class", "a pipeline", "a subscription"],
)
def test_only_a_client_is_instrumented(thing: Any) -> None:
    with pytest.raises(TypeError, match=r"client must be a redis\.Redis or"):
        instrument(thing)
