"""Keeps a handful of programs running for as long as one terminal window is open.

Knows nothing about Django, Celery or this application: a `Program` is a command line with a name.
Every program gets a session of its own, so that a Ctrl-C in the terminal reaches only the
supervisor, which then stops the programs in the right order, and so that whatever a program
has started (pool processes, web workers) can be stopped with it as one process group.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

POLL_S = 0.1
LOG_LIMIT_BYTES = 5_000_000
SAID_FAILURES = 3
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>


class ProgramFailed(Exception):
    """A program ended, or did not become ready in time, before the others could be started."""

    def __init__(self, program: "Program", what: str) -> None:
        super().__init__(f"{program.title} {what}.")
        self.program = program


class Held(Exception):
    """Another process holds the folder; `holder` is what it wrote about itself."""

    def __init__(self, holder: dict[str, str]) -> None:
        super().__init__("another process holds this folder")
        self.holder = holder


@dataclass(frozen=True)
class Program:
    """One command to keep running."""

    name: str  # also the name of its log file
    title: str  # what a person reads: "The scoring worker"
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    wave: int = 1  # lower waves start earlier and stop later
    ready: Callable[[], bool] | None = None  # the next wave waits for it
    ready_timeout_s: float = 15.0
    once: bool = False  # a piece of work: over when it has ended with exit status 0
    niceness: int = 0
    pass_fds: tuple[int, ...] = ()


@dataclass(frozen=True)
class BackOff:
    first_s: float = 0.5
    longest_s: float = 30.0
    stable_s: float = 60.0  # a program that ran this long starts again from `first_s`

    def delay_s(self, failures: int) -> float:
        return float(min(self.longest_s, self.first_s * 2 ** max(0, failures - 1)))


@dataclass
class _Slot:
    program: Program
    wanted: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    failures: int = 0  # in a row, without a stable run in between


@dataclass
class Supervisor:
    """Use as a context manager: leaving the block stops everything that was started in it."""

    programs: Iterable[Program]
    log_folder: Path
    record_path: Path
    say: Callable[[str], None]
    back_off: BackOff = BackOff()
    grace_s: float = 15.0
    stop_requested: bool = field(default=False, init=False)
    _hurry: bool = field(default=False, init=False)
    _interruptible: bool = field(default=False, init=False)
    _slots: list[_Slot] = field(default_factory=list, init=False)
    _old_handlers: dict[int, object] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._slots = [_Slot(program) for program in sorted(self.programs, key=lambda p: p.wave)]
        self.log_folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "Supervisor":
        for number in STOP_SIGNALS:
            self._old_handlers[number] = signal.signal(number, self._on_stop_signal)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            for number, handler in self._old_handlers.items():
                signal.signal(number, handler)  # type: ignore[arg-type]

    def start(self, last_wave: int | None = None) -> None:
        """Start what does not run yet, wave after wave, up to and including `last_wave`.

        Raises ProgramFailed if one that the others wait for does not come up.
        """
        for slot in self._slots:
            if self.stop_requested or (last_wave is not None and slot.program.wave > last_wave):
                return
            if not slot.wanted:
                slot.wanted = True
                self._spawn(slot)
                self._wait_until_ready(slot)

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """For work of our own between two starts: a stop signal raises KeyboardInterrupt in it."""
        self._interruptible = True
        try:
            if self.stop_requested:
                raise KeyboardInterrupt
            yield
        finally:
            self._interruptible = False

    def supervise(self, until: Callable[[], bool] = lambda: False) -> bool:
        """Restart what dies until `until()` holds (True) or somebody asks to stop (False)."""
        while not self.stop_requested:
            for slot in filter(lambda slot: slot.wanted, self._slots):
                self._look_after(slot)
            if until():
                return True
            time.sleep(POLL_S)
        return False

    def failures(self, name: str) -> int:
        """How often in a row this program has ended without a stable run in between."""
        return next(slot.failures for slot in self._slots if slot.program.name == name)

    def log_path(self, name: str) -> Path:
        return self.log_folder / f"{name}.log"

    def last_log_lines(self, name: str, count: int = 8) -> str:
        with contextlib.suppress(FileNotFoundError):
            lines = self.log_path(name).read_text(errors="replace").splitlines()
            return "\n".join(f"    {line}" for line in lines[-count:])
        return ""

    def stop(self) -> None:
        """Stop the highest wave first, so that workers can still tell the broker they are done."""
        for wave in sorted({slot.program.wave for slot in self._slots}, reverse=True):
            self._stop_wave([slot for slot in self._slots if slot.program.wave == wave])
        self.record_path.unlink(missing_ok=True)

    def _on_stop_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._hurry = self.stop_requested  # asked a second time
        self.stop_requested = True
        if self._interruptible:
            raise KeyboardInterrupt

    def _spawn(self, slot: _Slot) -> None:
        program = slot.program
        log_path = self.log_path(program.name)
        _keep_log_small(log_path)
        with log_path.open("ab") as log:
            slot.process = subprocess.Popen(
                program.argv,
                cwd=program.cwd,
                env=dict(program.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=program.pass_fds,
                preexec_fn=_in_child(os.getpid(), program.niceness),
            )
        slot.started_at = time.monotonic()
        self._record()

    def _wait_until_ready(self, slot: _Slot) -> None:
        deadline = time.monotonic() + slot.program.ready_timeout_s
        while slot.program.ready is not None and not slot.program.ready():
            exit_code = slot.process.poll() if slot.process else None
            if exit_code is not None:
                slot.wanted, slot.process = False, None
                raise ProgramFailed(slot.program, _how_it_ended(exit_code))
            if time.monotonic() > deadline:
                raise ProgramFailed(slot.program, "does not answer")
            if self.stop_requested:
                return
            time.sleep(POLL_S / 2)

    def _look_after(self, slot: _Slot) -> None:
        now = time.monotonic()
        if slot.process is None:
            if now >= slot.restart_at:
                self._spawn(slot)
            return
        exit_code = slot.process.poll()
        if exit_code is None:
            if slot.failures and now - slot.started_at > self.back_off.stable_s:
                slot.failures = 0
            return
        _kill_group(slot.process.pid)  # what it had started must not work on beside its successor
        slot.process = None
        if slot.program.once and exit_code == 0:
            slot.wanted = False
            return
        slot.failures += 1
        delay_s = self.back_off.delay_s(slot.failures)
        slot.restart_at = now + delay_s
        self._tell_of_failure(slot, _how_it_ended(exit_code), delay_s)

    def _tell_of_failure(self, slot: _Slot, what: str, delay_s: float) -> None:
        """One line each for the first failures in a row; what keeps failing is in its log."""
        program = slot.program
        if slot.failures > SAID_FAILURES:
            return
        text = f"{program.title} {what}. Starting it again in {delay_s:g} s."
        if slot.failures == SAID_FAILURES:
            text += " It is tried on and on from here, without a word each time."
        self.say(f"{text} Details: {self.log_path(program.name)}")

    def _stop_wave(self, slots: list[_Slot]) -> None:
        running = [slot.process for slot in slots if slot.process is not None]
        for process in running:
            # Only the leader: workers and the web server let their own children finish.
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + self.grace_s
        while any(process.poll() is None for process in running):
            if self._hurry or time.monotonic() > deadline:
                break
            time.sleep(POLL_S / 2)
        for process in running:
            _kill_group(process.pid)
            process.wait()
        for slot in slots:
            slot.process = None

    def _record(self) -> None:
        """Leave word of what runs, so that the next start can clear up after a killed one."""
        rows = [
            {"name": slot.program.name, "pid": slot.process.pid, "born": _born(slot.process.pid)}
            for slot in self._slots
            if slot.process is not None
        ]
        aside = self.record_path.with_suffix(".new")
        aside.write_text(json.dumps({"folder": _folder(self.record_path), "programs": rows}))
        aside.replace(self.record_path)


def stop_leftovers(record_path: Path, patience_s: float = 3.0) -> list[str]:
    """Stop what a killed supervisor left running; returns the names that had to be stopped.

    On Linux the kernel has already sent them SIGTERM, so they get a moment to end by themselves.
    """
    try:
        record = json.loads(record_path.read_text())
        alive = {row["pid"]: (row["name"], row["born"]) for row in record["programs"]}
        copied = record["folder"] != _folder(record_path)  # the original may still be in use
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return []
    if copied:
        return []
    deadline = time.monotonic() + patience_s
    while alive:
        # A process id may belong to somebody else by now: the time of birth tells.
        alive = {pid: row for pid, row in alive.items() if row[1] and _born(pid) == row[1]}
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_S)
    for pid in alive:
        _kill_group(pid)
    record_path.unlink(missing_ok=True)
    return [name for name, _ in alive.values()]


def _in_child(supervisor_pid: int, niceness: int) -> Callable[[], None]:
    """What the child does between fork and exec. Everything it needs is loaded before the fork."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None

    def prepare() -> None:
        if prctl is not None:
            # If the supervisor is killed with SIGKILL, the kernel asks the child to stop.
            prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
            if os.getppid() != supervisor_pid:
                os._exit(1)
        if niceness:
            os.nice(niceness)

    return prepare


def _kill_group(leader_pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader_pid, signal.SIGKILL)


def _born(pid: int) -> str:
    """When a process began, in whatever form the system gives it; empty if there is none."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            # Field 22 of proc(5); the command name in field 2 may itself hold spaces and brackets.
            state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return "" if state == "Z" else fields[18]
        return ""
    row = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607  its folder differs between systems
        capture_output=True,
        text=True,
        check=False,
    )
    return row.stdout.strip()


def _how_it_ended(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended by itself (exit status {exit_code})"
    return f"was ended by {signal.Signals(-exit_code).name}"


def _keep_log_small(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".log.1"))


@contextlib.contextmanager
def hold(lock_path: Path) -> Iterator[Callable[[dict[str, str]], None]]:
    """Be the only process that holds `lock_path`; yields a function that notes who we are.

    Raises Held. The lock is the kernel's and ends with the process, however it ends; the text in
    the file is only for the person who is told about it.
    """
    with lock_path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Held(_read_holder(lock_path)) from None

        def describe(holder: dict[str, str]) -> None:
            lock.truncate(0)
            lock.write(json.dumps(holder))
            lock.flush()

        yield describe
        lock.truncate(0)


def _read_holder(lock_path: Path) -> dict[str, str]:
    with contextlib.suppress(ValueError):
        holder = json.loads(lock_path.read_text())
        if isinstance(holder, dict):
            return holder
    return {}


def _folder(record_path: Path) -> str:
    return str(record_path.parent.resolve())
