"""Workers say that they live, so that a page never has to guess.

A thread in the worker's parent process writes a row every few seconds, also while its child scores
and while the broker is away. Forks wait for the write: a child forked in the middle of it would
inherit SQLite's locks, held by a thread that it does not have.
"""

from __future__ import annotations

import logging
import os
import threading

from celery import Celery
from celery.signals import worker_init, worker_shutdown
from django.conf import settings
from django.db import Error, connection
from django.utils.timezone import now

from grading.checks import refuse_demo_data
from grading.models import Heartbeat

log = logging.getLogger(__name__)

_writing = threading.Lock()
os.register_at_fork(
    before=_writing.acquire, after_in_parent=_writing.release, after_in_child=_writing.release
)
_stop = threading.Event()


@worker_init.connect
def start(sender, **_kwargs) -> None:
    refuse_demo_data()
    _stop.clear()
    queue = ",".join(sorted(sender.app.amqp.queues.consume_from))
    thread = threading.Thread(
        target=_beat, args=(sender.app, sender.hostname, queue), name="heartbeat", daemon=True
    )
    thread.start()


@worker_shutdown.connect
def stop(sender, **_kwargs) -> None:
    _stop.set()
    with _writing:
        Heartbeat.objects.filter(worker=sender.hostname).delete()


def _beat(app: Celery, worker: str, queue: str) -> None:
    while not _stop.is_set():
        reached = _reaches_broker(app)
        with _writing:
            if not _stop.is_set():
                _write(worker, queue, reached)
        _stop.wait(settings.HEARTBEAT_S)


def _reaches_broker(app: Celery) -> bool:
    try:
        with app.connection_for_read() as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
    except Exception as error:
        log.warning("broker not reached: %s", error)
        return False
    return True


def _write(worker: str, queue: str, reached_broker: bool) -> None:
    moment = now()
    seen = {"queue": queue, "seen_at": moment}
    if reached_broker:
        seen["broker_seen_at"] = moment
    try:
        Heartbeat.objects.update_or_create(worker=worker, defaults=seen)
    except Error as error:
        log.warning("heartbeat not written: %s", error)
    finally:
        connection.close()
