"""A readiness check for a Redis server."""

from __future__ import annotations

from collections.abc import Callable

from redis import Redis, RedisCluster


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
