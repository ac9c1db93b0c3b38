"""redis-py integration: the calls of a request on its access line, and a readiness check."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import cache, wraps
from inspect import iscoroutine
from time import perf_counter
from typing import Any, TypeVar

from redis import Redis, RedisCluster
from redis import asyncio as redis_asyncio

from wsgi_observe.totals import add_to_current_request

__all__ = ["check", "instrument"]

C = TypeVar("C", Redis, RedisCluster, redis_asyncio.Redis, redis_asyncio.RedisCluster)

_CLIENTS = (Redis, RedisCluster, redis_asyncio.Redis, redis_asyncio.RedisCluster)


def instrument(client: C) -> C:
    """Count and time the calls of one client on the access line of each request.

    The fields are ``redis_calls`` and ``redis_ms``. A command is one call, whatever redis-py
    retries, and so is a whole pipeline. Publish/subscribe is not counted. A second call for the
    same client does nothing.

    :param client: of one server or of a cluster, synchronous or of ``redis.asyncio``.
    :returns: the client.
    :raises TypeError: for anything else, a pipeline included.

    >>> client = instrument(Redis())
    """
    given: Any = client
    if not isinstance(given, _CLIENTS) or hasattr(given, "execute"):
        raise TypeError(f"client must be a redis.Redis or redis.RedisCluster, got {client!r}")
    # A wrapper among the client's attributes would refer to it: it would not close when dropped.
    given.__class__ = _counted_class(given.__class__)
    return client


@cache
def _counted_class(kind: Any) -> Any:
    """Return the subclass of a client or a pipeline that counts its calls."""
    if "__wsgi_observe_counted__" in kind.__dict__:
        return kind
    body = {"execute_command": _count(kind.execute_command)}
    if hasattr(kind, "execute"):
        body["execute"] = _count(kind.execute, is_call=lambda pipeline: len(pipeline) > 0)
    else:
        body["pipeline"] = _count_pipelines(kind.pipeline)
    names = {"__module__": kind.__module__, "__slots__": (), "__wsgi_observe_counted__": True}
    return type(kind.__name__, (kind,), {**body, **names})


def _count_pipelines(make: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(make)
    def pipeline(*args: Any, **options: Any) -> Any:
        made = make(*args, **options)
        made.__class__ = _counted_class(made.__class__)
        return made

    return pipeline


def _count(
    method: Callable[..., Any], is_call: Callable[[Any], bool] = lambda client: True
) -> Callable[..., Any]:
    """Return a method that counts what it calls, at once or as a coroutine.

    A pipeline that returns itself has only taken the command down.
    """

    @wraps(method)
    def call(self: Any, *args: Any, **options: Any) -> Any:
        if not is_call(self):
            return method(self, *args, **options)
        started = perf_counter()
        result = None
        try:
            result = method(self, *args, **options)
        finally:
            if result is not self and not iscoroutine(result):
                _record(started)
        return _count_awaited(result) if iscoroutine(result) else result

    return call


async def _count_awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    started = perf_counter()
    try:
        return await coroutine
    finally:
        _record(started)


def _record(started: float) -> None:
    add_to_current_request({"redis_calls": 1, "redis_ms": (perf_counter() - started) * 1000})


def check(client: Redis | RedisCluster) -> Callable[[], bool]:
    """Return a readiness check that sends ``PING``.

    It uses one connection of the client's own pool and returns it, also if the response comes
    after the check's timeout. Give it a client of its own, such as
    ``Redis(host, socket_timeout=0.5, retry=None)``: by default redis-py waits for an unresponsive
    server as long as TCP does, and retries a refused connection for some seconds; meanwhile the
    check is reported as hanging.

    :param client: a synchronous client.
    :raises TypeError: for anything else, a client of ``redis.asyncio`` included.
    """
    if not isinstance(client, Redis | RedisCluster):
        raise TypeError(f"client must be a redis.Redis or redis.RedisCluster, got {client!r}")

    def ping() -> bool:
        return bool(client.ping())

    return ping
