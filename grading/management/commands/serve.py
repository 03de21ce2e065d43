"""`make run`: everything KidsArt Web needs on one machine, in one window, stopped by Ctrl-C.

This file says which programs there are and in which order things happen; keeping them alive is
the supervisor's part. It also runs a small school server (settings_production, no demo school).
"""

import contextlib
import hashlib
import http.client
import io
import json
import os
import secrets
import socket
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connections

from kidsart_web.broker import NoServer, PrivateBroker, prepare_private_broker
from kidsart_web.celery import app
from kidsart_web.supervisor import Held, Program, ProgramFailed, Supervisor, hold, stop_leftovers

FIRST_PAGE_TIMEOUT_S = 60
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  recognized, to warn about it


class Command(BaseCommand):
    help = "Start the web server, the workers, the scheduler and a private broker; Ctrl-C stops it."
    requires_system_checks: list[str] = []  # migrate runs them; twice would only cost time

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--without-demo", action="store_true", help="Do not make the demo school."
        )
        parser.add_argument(
            "--without-drawing", action="store_true", help="Leave the demo school without pictures."
        )

    def handle(self, *_args: object, **options: bool) -> None:
        started_at = time.monotonic()
        self.with_drawing = not options["without_drawing"]
        with_demo = not (options["without_demo"] or settings.PRODUCTION)
        data_dir: Path = settings.DATA_DIR
        host, port = os.environ.get("HOST") or "127.0.0.1", _port()
        try:
            with hold(data_dir / "serve.lock") as describe:
                stop_leftovers(data_dir / "programs.json")
                listener = _listen(host, port)
                describe(_description(listener))
                self._run(listener, with_demo, started_at)
        except Held as held:
            raise CommandError(_who_holds(held.holder)) from None
        except KeyboardInterrupt:
            self._say("Stopped before it was ready.")
            sys.exit(130)

    def _run(self, listener: socket.socket, with_demo: bool, started_at: float) -> None:
        self._say("Preparing the database and the pages.")
        call_command("migrate", interactive=False, verbosity=0)
        _collect_static()
        broker = _private_broker()
        try:
            url = broker.url if broker else os.environ["KIDSART_BROKER_URL"]
            app.conf.broker_url = url  # this process, too, sends to it while it makes the demo
            with self._supervisor(listener, broker, url, with_demo) as supervisor:
                self._start(supervisor, broker, with_demo)
                if supervisor.supervise(until=_page_answers(supervisor, listener)):
                    self._announce(listener, with_demo, time.monotonic() - started_at)
                    supervisor.start()  # what can wait for the first page
                    supervisor.supervise()
                self._say("\nStopping. A picture that is being scored is finished first.")
        finally:
            if broker:
                broker.remove_socket_folder()
        self._say("Stopped. Everything is kept; `make run` goes on from here.")

    def _supervisor(
        self,
        listener: socket.socket,
        broker: PrivateBroker | None,
        broker_url: str,
        with_demo: bool,
    ) -> Supervisor:
        env = _environment(broker_url, listener)
        programs = [_web(env, listener), _gpu_worker(env), _io_worker(env), _scheduler(env)]
        if with_demo and self.with_drawing:
            programs.append(_demo_artist(env))
        if broker:
            programs.append(broker.program(env))
        return Supervisor(
            programs,
            log_folder=settings.DATA_DIR / "log",
            record_path=settings.DATA_DIR / "programs.json",
            say=self._say,
        )

    def _start(self, supervisor: Supervisor, broker: PrivateBroker | None, with_demo: bool) -> None:
        try:
            try:
                supervisor.start(last_wave=0)
            except ProgramFailed as failure:
                if broker is None:
                    raise
                aside = broker.put_files_aside()
                self._say(f"{failure} Trying again with empty files; the old ones are in {aside}.")
                supervisor.start(last_wave=0)
            if with_demo:
                with supervisor.interruptible():
                    call_command("prepare_demo", stdout=io.StringIO())  # said in _announce
            connections.close_all()
            supervisor.start(last_wave=1)
        except ProgramFailed as failure:
            name = failure.program.name
            raise CommandError(f"{failure}\n{supervisor.last_log_lines(name)}") from None

    def _announce(self, listener: socket.socket, with_demo: bool, seconds: float) -> None:
        lines = ["", f"KidsArt Web is ready after {seconds:.1f} s:  {_address(listener)}", ""]
        if with_demo:
            for row in json.loads(Path(settings.DEMO_ACCOUNTS_FILE).read_text()):
                lines.append(f"  {row['role']:<14} {row['email']:<36} {row['password']}")
            lines.append("")
        lines.append(f"Ctrl-C stops it. Everything is kept in {settings.DATA_DIR}")
        self._say("\n".join(lines))

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()  # an OutputWrapper over a pipe would keep it


# ------------------------------------------------------------------------------- the programs


def _web(env: dict[str, str], listener: socket.socket) -> Program:
    # The supervisor holds the listening socket: while the web server restarts, requests wait
    # in its queue instead of being refused.
    return Program(
        name="web",
        title="The web server",
        argv=(
            *(sys.executable, "-m", "gunicorn", "kidsart_web.wsgi:application"),
            *("--bind", f"fd://{listener.fileno()}", "--no-control-socket"),
            *("--worker-class", "gthread", "--workers", "2", "--threads", "4"),
            *("--timeout", "60", "--graceful-timeout", "10"),
        ),
        cwd=settings.BASE_DIR,
        env=env,
        pass_fds=(listener.fileno(),),
    )


def _gpu_worker(env: dict[str, str]) -> Program:
    # Without a GPU the model computes on the processor. The pages go first by priority, and on a
    # larger machine they also keep half of the cores.
    cores = _core_count()
    threads = str(min(cores, max(2, cores // 2)))
    env = {**env, "KIDSART_TORCH_THREADS": os.environ.get("KIDSART_TORCH_THREADS", threads)}
    return Program(
        name="gpu-worker",
        title="The scoring worker",
        argv=_worker_argv("gpu"),
        cwd=settings.BASE_DIR,
        env=env,
        niceness=5,
    )


def _io_worker(env: dict[str, str]) -> Program:
    return Program(
        name="io-worker",
        title="The worker that reads pictures",
        argv=_worker_argv("io"),
        cwd=settings.BASE_DIR,
        env=env,
    )


def _worker_argv(queue: str) -> tuple[str, ...]:
    # prefork with one child: the parent answers while the child computes, and the child loads the
    # model after the fork.
    return (
        *(sys.executable, "-m", "celery", "--app", "kidsart_web", "worker"),
        *("--queues", queue, "--hostname", f"{queue}@%h"),
        *("--pool", "prefork", "--concurrency", "1", "--prefetch-multiplier", "1"),
        *("--without-gossip", "--without-mingle", "--loglevel", "INFO"),
    )


def _scheduler(env: dict[str, str]) -> Program:
    return Program(
        name="scheduler",
        title="The scheduler",
        argv=(
            *(sys.executable, "-m", "celery", "--app", "kidsart_web", "beat"),
            *("--schedule", str(settings.DATA_DIR / "schedule"), "--pidfile", ""),
            *("--loglevel", "INFO"),
        ),
        cwd=settings.BASE_DIR,
        env=env,
    )


def _demo_artist(env: dict[str, str]) -> Program:
    # Draws and uploads what the demo school still lacks, while the newcomer looks on.
    return Program(
        name="demo",
        title="The drawing of the demo school",
        argv=(sys.executable, "manage.py", "draw_demo"),
        cwd=settings.BASE_DIR,
        env=env,
        wave=2,
        once=True,
        niceness=10,
    )


def _environment(broker_url: str, listener: socket.socket) -> dict[str, str]:
    one_thread = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    defaults = {
        **dict.fromkeys(one_thread, "1"),  # many processes on few cores
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",  # nothing here is fetched behind the operator's back
        "KIDSART_ALLOWED_HOSTS": " ".join(_host_names(listener)),
    }
    env = {
        **defaults,
        **os.environ,
        "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
        "KIDSART_DATA_DIR": str(settings.DATA_DIR),
        "KIDSART_BROKER_URL": broker_url,
        "PYTHONUNBUFFERED": "1",
    }
    if not settings.PRODUCTION and not env.get("KIDSART_SECRET_KEY"):
        env["KIDSART_SECRET_KEY"] = _secret_key(settings.DATA_DIR / "secret-key")
    return env


def _core_count() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _secret_key(path: Path) -> str:
    if not path.exists() or not path.read_text():
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "w") as opened:
            opened.write(secrets.token_urlsafe(50))
    return path.read_text()


# -------------------------------------------------------------------------- before they start


def _private_broker() -> PrivateBroker | None:
    if os.environ.get("KIDSART_BROKER_URL"):
        return None
    try:
        return prepare_private_broker(settings.DATA_DIR)
    except NoServer as error:
        raise CommandError(
            f"No message broker can be started here ({error}). Install redis-server, or set "
            "KIDSART_BROKER_URL to a Redis server."
        ) from None


def _collect_static() -> None:
    """Collect the static files, unless they are those of the last start."""
    files = (
        Path(storage.path(name)) for finder in get_finders() for name, storage in finder.list([])
    )
    rows = sorted(f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files)
    digest = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    stamp = Path(settings.DATA_DIR) / "static-files"
    if not stamp.exists() or stamp.read_text() != digest:
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(digest)


def _port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not text.isdecimal() or int(text) > 65535:
        raise CommandError(f"PORT is {text!r}; it must be a number from 0 to 65535 (0: any free).")
    return int(text)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        raise CommandError(
            f"KidsArt Web cannot listen on {host}, port {port}: {error.strerror or error}. "
            "Choose another port, for example: make run PORT=8001"
        ) from None
    return listener


def _host_names(listener: socket.socket) -> list[str]:
    """The names under which this machine may be asked, when it listens to the network."""
    host = listener.getsockname()[0]
    if host not in EVERYWHERE:
        return [os.environ.get("HOST") or host]
    name = socket.gethostname()
    names = {host, name, f"{name}.local"}
    with contextlib.suppress(OSError):
        names.update(str(row[4][0]) for row in socket.getaddrinfo(name, None))
    with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; says which address the network sees
        names.add(probe.getsockname()[0])
    return sorted(names)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  the way back
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _description(listener: socket.socket) -> dict[str, str]:
    return {
        "process": str(os.getpid()),
        "since": f"{datetime.now():%d %b %Y, %H:%M}",
        "address": _address(listener),
    }


def _who_holds(holder: dict[str, str]) -> str:
    process = holder.get("process", "unknown")
    return (
        f"KidsArt Web already runs in this folder: process {process}, since "
        f"{holder.get('since', 'a moment ago')}, at {holder.get('address', 'an unknown address')}\n"
        f"Use that one, or stop it first (Ctrl-C in its window, or: kill {process})."
    )


def _page_answers(supervisor: Supervisor, listener: socket.socket) -> Callable[[], bool]:
    """A question to ask again and again; raises CommandError when the answer will stay no."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  the way back
    deadline = time.monotonic() + FIRST_PAGE_TIMEOUT_S

    def asked() -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(host, port, timeout=1)
            connection.request("GET", "/")
            if connection.getresponse().status < 500:
                return True
        if supervisor.failures("web") >= 3 or time.monotonic() > deadline:
            raise CommandError(
                "The web server does not come up. The last lines of "
                f"{supervisor.log_path('web')}:\n{supervisor.last_log_lines('web')}"
            )
        return False

    return asked
