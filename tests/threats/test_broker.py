"""Whoever writes into the broker can ring doorbells, and nothing else."""

from __future__ import annotations

import inspect
import json
import os
import pickle
import subprocess
import sys
import time
import uuid

import pytest
import redis
from celery import current_app
from django.conf import settings

from grading import tasks
from grading.models import Job
from kidsart_web.broker import prepare_private_broker
from kidsart_web.supervisor import Supervisor

NO_IDS = ("1 OR 1=1", "__import__('os').system('true')", {"pk__gte": 0}, ["1"], None, "../1")


def own_tasks() -> dict[str, object]:
    return {n: task for n, task in current_app.tasks.items() if n.startswith("grading.")}


def test_json_is_all_that_is_read_or_written():
    for app in (current_app,):
        assert list(app.conf.accept_content) == ["json"]
        assert app.conf.task_serializer == "json"
        assert not app.conf.result_backend


def test_every_task_takes_one_number_or_nothing():
    assert len(own_tasks()) > 5
    for name, task in own_tasks().items():
        given = list(inspect.signature(task.run).parameters.values())  # type: ignore[attr-defined]
        assert len(given) <= 1, name
        assert all(parameter.annotation == "int" for parameter in given), name


@pytest.mark.parametrize("value", NO_IDS, ids=str)
def test_what_is_no_number_does_nothing(db, make_picture, value):
    make_picture()
    before = [(type(j), j.pk, j.status, j.attempt) for j in all_jobs()]
    for task in (tasks.prepare_picture, tasks.edit_picture, tasks.score_pictures,
                 tasks.write_feedback, tasks.make_report):  # fmt: skip
        try:
            task(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            continue
    assert [(type(j), j.pk, j.status, j.attempt) for j in all_jobs()] == before


def all_jobs() -> list[Job]:
    return [job for kind in Job.__subclasses__() for job in kind.objects.order_by("pk")]


class Trap:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def message(body: str, content_type: str, task: str) -> str:
    """As kombu lays it into a list of Redis."""
    return json.dumps(
        {
            "body": body,
            "content-encoding": "binary" if "python" in content_type else "utf-8",
            "content-type": content_type,
            "headers": {"lang": "py", "task": task, "id": str(uuid.uuid4()), "argsrepr": "()",
                        "root_id": None, "parent_id": None, "group": None, "retries": 0},
            "properties": {
                "body_encoding": "base64" if "python" in content_type else "utf-8",
                "delivery_mode": 2, "priority": 0, "delivery_tag": str(uuid.uuid4()),
                "delivery_info": {"exchange": "", "routing_key": "io"}, "correlation_id": "x",
            },
        }
    )  # fmt: skip


def test_a_worker_refuses_a_pickle_and_an_unknown_task_and_works_on(tmp_path):
    """A real worker at a real Redis. What is refused is neither run nor delivered again."""
    import base64

    broker = prepare_private_broker(tmp_path)
    trap = tmp_path / "sprung"
    env = {**os.environ, "KIDSART_BROKER_URL": broker.url, "KIDSART_DATA_DIR": str(tmp_path)}
    with Supervisor(
        [broker.program(dict(os.environ))],
        log_folder=tmp_path / "log",
        record_path=tmp_path / "programs.json",
        say=lambda _text: None,
    ) as running:
        running.start()
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v", "0"], env=env, check=True,
            cwd=settings.BASE_DIR,
        )  # fmt: skip
        queue = redis.Redis(unix_socket_path=str(broker.socket_path))
        pickled = base64.b64encode(pickle.dumps(([Trap(str(trap))], {}, {}))).decode()
        known = "grading.tasks.prepare_picture"
        none = '{"callbacks": null, "errbacks": null, "chain": null, "chord": null}'
        for body, content_type, task in (
            (pickled, "application/x-python-serialize", known),
            (pickled, "application/json", known),
            (f"[[], {{}}, {none}]", "application/json", "os.system"),
            (f'[["touch {trap}"], {{}}, {none}]', "application/json", known),
            (f"[[1], {{}}, {none}]", "application/json", "celery.backend_cleanup"),
            (f"[[987654], {{}}, {none}]", "application/json", known),
        ):
            queue.lpush("io", message(body, content_type, task))
        with (tmp_path / "worker.log").open("w") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "kidsart_web", "worker", "-Q", "io",
                 "--pool", "solo", "--loglevel", "INFO", "--without-gossip", "--without-mingle"],
                env=env, cwd=settings.BASE_DIR, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
            try:
                deadline = time.monotonic() + 60
                while time.monotonic() < deadline:
                    waiting = queue.llen("io") + queue.hlen("unacked")
                    if not waiting and worker.poll() is None and "987654" not in trap.name:
                        break
                    time.sleep(0.2)
                alive = worker.poll() is None
                left = queue.llen("io")
            finally:
                worker.terminate()
                worker.wait(20)
    said = (tmp_path / "worker.log").read_text()
    assert not trap.exists()
    assert alive, said
    assert left == 0
    assert "ContentDisallowed" in said or "Refusing to deserialize" in said, said
    assert "987654" in said or "succeeded" in said, said
