"""The cache of a school server, with a real Redis, and without one."""

from __future__ import annotations

import os
import pickle

import pytest
import redis

from kidsart_web.broker import prepare_private_broker
from kidsart_web.caches import RedisThatMayBeAway
from kidsart_web.supervisor import Supervisor

OPTIONS = {"serializer": "kidsart_web.caches.JSONSerializer", "socket_connect_timeout": 1}


def cache_at(url: str) -> RedisThatMayBeAway:
    return RedisThatMayBeAway(url, {"OPTIONS": OPTIONS, "KEY_PREFIX": "kidsart"})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    broker = prepare_private_broker(folder)
    programs = [broker.program(dict(os.environ))]
    with Supervisor(
        programs,
        log_folder=folder / "log",
        record_path=folder / "programs.json",
        say=lambda _text: None,
    ) as running:
        running.start()
        yield broker.socket_path


def test_two_web_processes_count_together(server):
    one, other = cache_at(f"unix://{server}"), cache_at(f"unix://{server}")
    one.add("misses", 0, 60)
    assert [one.incr("misses"), other.incr("misses")] == [1, 2]
    assert other.get("misses") == 2
    with pytest.raises(ValueError, match="misses-of-nobody"):
        one.incr("misses-of-nobody")


def test_what_others_keep_comes_back_as_it_was(server):
    cache = cache_at(f"unix://{server}")
    for value in ("text", 3, 2.5, True, None, ["a", 1], {"k": [1.5]}):
        cache.set("kept", value, 60)
        assert cache.get("kept") == value
    cache.set_many({"a": 1, "b": "two"})
    assert cache.get_many(["a", "b"]) == {"a": 1, "b": "two"}
    assert cache.delete("a")
    assert not cache.has_key("a")


class Trap:
    ran = False

    def __reduce__(self):
        return (setattr, (Trap, "ran", True))


def test_a_pickle_that_somebody_laid_into_redis_is_not_run(server):
    cache = cache_at(f"unix://{server}")
    redis.Redis(unix_socket_path=str(server)).set(cache.make_key("trap"), pickle.dumps(Trap()))
    assert cache.get("trap", "nothing") == "nothing"
    assert not Trap.ran


def test_emptying_the_cache_does_not_empty_the_broker(server):
    with pytest.raises(NotImplementedError):
        cache_at(f"unix://{server}").clear()


def test_while_redis_is_away_nothing_is_counted_and_nothing_fails(tmp_path):
    cache = cache_at(f"unix://{tmp_path}/nobody.sock")
    assert cache.get("a", 7) == 7
    assert cache.get_many(["a"]) == {}
    assert not cache.has_key("a")
    assert cache.add("a", 1)
    cache.set("a", 1)
    assert cache.incr("a") == 1
    assert cache.get_or_set("a", 5) == 5
    assert not cache.touch("a")
    assert not cache.delete("a")
    cache.set_many({"a": 1})
    cache.delete_many(["a"])


def test_a_family_link_opens_and_a_wrong_one_is_404_while_redis_is_away(
    client, db, settings, tmp_path
):
    settings.CACHES = {
        "default": {
            "BACKEND": "kidsart_web.caches.RedisThatMayBeAway",
            "LOCATION": f"unix://{tmp_path}/nobody.sock",
            "OPTIONS": OPTIONS,
        }
    }
    assert client.get("/f/nothing/", REMOTE_ADDR="203.0.113.9").status_code == 404
