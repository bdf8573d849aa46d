"""Redis as an online store behind a service: it fails fast, instead of waiting for seconds."""

from typing import Any

from feast.infra.provider import Provider


def limit_waiting(provider: Provider, seconds: float) -> None:
    """Let each command to Redis end within a time, without the retries of the client; other stores are left alone.

    Clusters and sentinels keep the timeouts of their connection string.

    Args:
        provider: of an online store.
        seconds: above 0.
    """
    if type(provider.online_store).__name__ != "RedisOnlineStore":
        return
    from redis import Redis  # noqa: PLC0415  installed with Feast's extra, and imported by its store
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    client: Any = provider.online_store._get_client(provider.repo_config.online_store)  # noqa: SLF001
    if not isinstance(client, Redis):
        return
    client.set_retry(Retry(NoBackoff(), 0))
    pool = client.connection_pool
    pool.connection_kwargs |= {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    pool.disconnect()
    pool.reset()  # connections that it has, also closed ones, keep the earlier timeouts
