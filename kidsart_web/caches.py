"""The cache that all web processes of a school server share."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)
T = TypeVar("T")


class NotOurs(RedisError):
    """What lies there was not written by JSONSerializer."""


class JSONSerializer:
    """Django's own would unpickle whatever lies in Redis, and so run it.

    Numbers stay numbers, so that Redis can count with them.
    """

    def dumps(self, value: Any) -> int | str:
        return value if type(value) is int else json.dumps(value)

    def loads(self, data: bytes) -> Any:
        try:
            return json.loads(data)
        except ValueError as error:
            raise NotOurs(str(error)) from error


class RedisThatMayBeAway(RedisCache):
    """As Django's, but an empty cache takes its place while the server is away: nothing that is
    kept here is worth an error page."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return _or(default, lambda: super(RedisThatMayBeAway, self).get(key, default, version))

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        return _or({}, lambda: super(RedisThatMayBeAway, self).get_many(keys, version))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return _or(False, lambda: super(RedisThatMayBeAway, self).has_key(key, version))

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return _or(True, lambda: super(RedisThatMayBeAway, self).add(*args, **kwargs))

    def set(self, *args: Any, **kwargs: Any) -> None:
        _or(None, lambda: super(RedisThatMayBeAway, self).set(*args, **kwargs))

    def set_many(self, *args: Any, **kwargs: Any) -> list[Any]:
        return _or([], lambda: super(RedisThatMayBeAway, self).set_many(*args, **kwargs))

    def touch(self, *args: Any, **kwargs: Any) -> bool:
        return _or(False, lambda: super(RedisThatMayBeAway, self).touch(*args, **kwargs))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return _or(delta, lambda: super(RedisThatMayBeAway, self).incr(key, delta, version))

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return _or(False, lambda: super(RedisThatMayBeAway, self).delete(*args, **kwargs))

    def delete_many(self, *args: Any, **kwargs: Any) -> None:
        _or(None, lambda: super(RedisThatMayBeAway, self).delete_many(*args, **kwargs))

    def clear(self) -> None:
        raise NotImplementedError("the same server may hold the broker's messages")


def _or(answer: T, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except (RedisError, OSError) as error:
        log.warning("the cache is of no use just now: %s", error)
        return answer
