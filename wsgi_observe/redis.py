"""A readiness check for a Redis server."""

from __future__ import annotations

from collections.abc import Callable

from redis import Redis, RedisCluster


def check(client: Redis | RedisCluster) -> Callable[[], bool]:
    """Return a readiness check that sends ``PING``.

    It uses one connection of the client's own pool, which gets it back also when the answer comes
    after the check's timeout. Best give it a client for the purpose, such as
    ``Redis(host, socket_timeout=0.5, retry=None)``: by default redis-py waits for a server that
    hangs as long as TCP does, and tries one that refuses again for some seconds, all of which
    the check spends as "hanging".

    :param client: a synchronous client.
    :raises TypeError: for anything else, a client of ``redis.asyncio`` included.
    """
    if not isinstance(client, Redis | RedisCluster):
        raise TypeError(f"client must be a redis.Redis or redis.RedisCluster, got {client!r}")

    def ping() -> bool:
        return bool(client.ping())

    return ping
