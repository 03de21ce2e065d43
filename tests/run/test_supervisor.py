"""The supervisor with small programs of our own, so that each rule is seen alone."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kidsart_web import supervisor as supervisor_module
from kidsart_web.supervisor import (
    BackOff,
    Held,
    Program,
    ProgramFailed,
    Supervisor,
    hold,
    stop_leftovers,
)
from tests.run.processes import eventually, lives

ROOT = Path(__file__).resolve().parent.parent.parent
SLEEP = "import time; time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); {SLEEP}"


def program(name: str, code: str, folder: Path, **fields: object) -> Program:
    return Program(
        name=name,
        title=f"The {name}",
        argv=(sys.executable, "-u", "-c", code),
        cwd=folder,
        env=dict(os.environ),
        **fields,  # type: ignore[arg-type]
    )


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervise(tmp_path: Path, said: list[str]) -> Callable[..., Supervisor]:
    def make(*programs: Program, **fields: object) -> Supervisor:
        return Supervisor(
            programs,
            log_folder=tmp_path / "log",
            record_path=tmp_path / "programs.json",
            say=said.append,
            **{"back_off": BackOff(first_s=0.05), "grace_s": 5, **fields},  # type: ignore[arg-type]
        )

    return make


def pids(folder: Path) -> dict[str, int]:
    rows = json.loads((folder / "programs.json").read_text())["programs"]
    return {row["name"]: row["pid"] for row in rows}


def test_a_killed_program_is_started_again(supervise, tmp_path, said):
    with supervise(program("web", SLEEP, tmp_path)) as running:
        running.start()
        first = pids(tmp_path)["web"]
        os.kill(first, signal.SIGKILL)
        assert running.supervise(until=lambda: pids(tmp_path)["web"] != first)
        assert lives(pids(tmp_path)["web"])
    assert said == [f"The web was ended by SIGKILL. Starting it again in 0.05 s. "
                    f"Details: {tmp_path / 'log' / 'web.log'}"]  # fmt: skip


def test_a_program_that_keeps_ending_is_tried_more_and_more_rarely(supervise, tmp_path):
    back_off = BackOff(first_s=0.1, longest_s=0.4)
    assert [back_off.delay_s(n) for n in (1, 2, 3, 4, 9)] == [0.1, 0.2, 0.4, 0.4, 0.4]
    starts = tmp_path / "starts"
    code = (
        f"import time; open({str(starts)!r}, 'a').write(f'{{time.time()}}\\n'); raise SystemExit(3)"
    )
    with supervise(program("web", code, tmp_path), back_off=back_off) as running:
        running.start()
        running.supervise(until=lambda: running.failures("web") == 4)
    times = [float(line) for line in starts.read_text().split()]
    assert times[3] - times[2] >= 0.4


def test_what_keeps_failing_is_said_three_times_and_then_left_to_its_log(supervise, tmp_path, said):
    with supervise(program("web", "raise SystemExit(3)", tmp_path), back_off=BackOff(0.01)) as it:
        it.start()
        it.supervise(until=lambda: it.failures("web") == 5)
    assert len(said) == 3
    assert "exit status 3" in said[0]
    assert "without a word" in said[2]


def test_a_stable_run_forgives_earlier_failures(supervise, tmp_path):
    back_off = BackOff(first_s=0.01, stable_s=0.5)
    with supervise(program("web", SLEEP, tmp_path), back_off=back_off) as running:
        running.start()
        os.kill(pids(tmp_path)["web"], signal.SIGKILL)
        running.supervise(until=lambda: running.failures("web") == 1)
        assert running.supervise(until=lambda: running.failures("web") == 0)


def test_a_piece_of_work_that_is_done_is_not_started_again(supervise, tmp_path, said):
    done = tmp_path / "done"
    work = program("demo", f"open({str(done)!r}, 'a').write('x')", tmp_path, once=True)
    with supervise(work) as running:
        running.start()
        running.supervise(until=done.exists)
        deadline = time.monotonic() + 0.5
        running.supervise(until=lambda: time.monotonic() > deadline)
    assert done.read_text() == "x"
    assert said == []


def test_leaving_the_block_stops_grandchildren_too(supervise, tmp_path):
    child = tmp_path / "grandchild"
    code = (
        "import subprocess, sys, time;"
        f"p = subprocess.Popen([sys.executable, '-c', {DEAF!r}]);"
        f"open({str(child)!r}, 'w').write(str(p.pid)); time.sleep(60)"
    )
    with supervise(program("worker", code, tmp_path)) as running:
        running.start()
        assert eventually(lambda: child.exists() and child.read_text())
        leader = pids(tmp_path)["worker"]
        assert lives(int(child.read_text()))
    assert not lives(leader)
    assert eventually(lambda: not lives(int(child.read_text())))


def test_a_killed_leader_takes_its_children_along_before_its_successor_starts(supervise, tmp_path):
    child = tmp_path / "grandchild"
    code = (
        "import subprocess, sys, time;"
        f"p = subprocess.Popen([sys.executable, '-c', {SLEEP!r}]);"
        f"open({str(child)!r}, 'w').write(str(p.pid)); time.sleep(60)"
    )
    with supervise(program("worker", code, tmp_path)) as running:
        running.start()
        assert eventually(lambda: child.exists() and child.read_text())
        orphan = int(child.read_text())
        os.kill(pids(tmp_path)["worker"], signal.SIGKILL)
        running.supervise(until=lambda: running.failures("worker") == 1)
        assert eventually(lambda: not lives(orphan))


def test_a_program_deaf_to_sigterm_is_killed_after_the_grace_period(supervise, tmp_path):
    with supervise(program("worker", DEAF, tmp_path), grace_s=0.3) as running:
        running.start()
        assert eventually(lambda: "deaf" in running.last_log_lines("worker"))
        pid = pids(tmp_path)["worker"]
        began = time.monotonic()
    assert not lives(pid)
    assert 0.3 <= time.monotonic() - began < 3


def test_the_broker_starts_first_and_stops_last(supervise, tmp_path):
    events = tmp_path / "events"
    code = (
        "import signal, sys, time\n"
        "def note(what): open({path!r}, 'a').write(what + ' {name}\\n')\n"
        "def end(*_):\n"
        "    time.sleep({slow}); note('stop'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); note('start'); time.sleep(60)\n"
    )

    def noted(name: str, slow: float) -> str:
        return code.format(path=str(events), name=name, slow=slow)

    def broker_is_up() -> bool:
        return events.exists() and "start broker" in events.read_text()

    with supervise(
        program("worker", noted("worker", 0.3), tmp_path),
        program("broker", noted("broker", 0), tmp_path, wave=0, ready=broker_is_up),
    ) as running:
        running.start()
        assert running.supervise(until=lambda: "start worker" in events.read_text())
    assert events.read_text().split("\n")[:4] == [
        "start broker", "start worker", "stop worker", "stop broker",
    ]  # fmt: skip


def test_the_start_fails_when_a_program_that_others_wait_for_ends(supervise, tmp_path):
    broken = program("broker", "raise SystemExit(7)", tmp_path, wave=0, ready=lambda: False)
    with (
        supervise(broken, program("worker", SLEEP, tmp_path)) as running,
        pytest.raises(ProgramFailed, match="The broker ended by itself .exit status 7."),
    ):
        running.start()
    assert not (tmp_path / "log" / "worker.log").exists()


def test_a_stop_signal_ends_the_watch_and_every_program(supervise, tmp_path):
    with supervise(program("web", SLEEP, tmp_path)) as running:
        running.start()
        pid = pids(tmp_path)["web"]
        os.kill(os.getpid(), signal.SIGTERM)
        assert running.supervise() is False
    assert not lives(pid)
    assert not (tmp_path / "programs.json").exists()


def test_a_large_log_is_put_aside_when_its_program_starts(supervise, tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor_module, "LOG_LIMIT_BYTES", 10)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "web.log").write_text("much too long a log")
    with supervise(program("web", SLEEP, tmp_path)) as running:
        running.start()
    assert (tmp_path / "log" / "web.log.1").read_text() == "much too long a log"
    assert (tmp_path / "log" / "web.log").read_text() == ""


# ------------------------------------------------------------------- after a killed supervisor

KILLED = """
import os, sys
from pathlib import Path
from kidsart_web.supervisor import Program, Supervisor
folder, code = Path(sys.argv[1]), sys.argv[2]
web = Program("web", "The web", (sys.executable, "-u", "-c", code), folder, dict(os.environ))
with Supervisor([web], folder / "log", folder / "programs.json", print) as running:
    running.start()
    running.supervise()
"""


def killed_supervisor(folder: Path, code: str, sign_of_life: str) -> int:
    """Run one program under a supervisor, kill the supervisor, return the program's id."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder), code], cwd=ROOT)
    log = folder / "log" / "web.log"
    assert eventually(lambda: log.exists() and sign_of_life in log.read_text())
    pid = pids(folder)["web"]
    process.kill()
    process.wait()
    return pid


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_programs_end_by_themselves_when_the_supervisor_is_killed(tmp_path):
    pid = killed_supervisor(tmp_path, f"print('awake'); {SLEEP}", "awake")
    assert eventually(lambda: not lives(pid), timeout_s=3)


def test_the_next_start_stops_what_a_killed_supervisor_left_behind(tmp_path):
    pid = killed_supervisor(tmp_path, DEAF, "deaf")
    assert lives(pid)
    assert stop_leftovers(tmp_path / "programs.json", patience_s=0.2) == ["web"]
    assert eventually(lambda: not lives(pid))
    assert stop_leftovers(tmp_path / "programs.json") == []


def test_a_stranger_with_a_recycled_process_id_is_left_alone(tmp_path):
    pid = killed_supervisor(tmp_path, DEAF, "deaf")
    record_path = tmp_path / "programs.json"
    record = json.loads(record_path.read_text())
    record["programs"][0]["born"] = "1"
    record_path.write_text(json.dumps(record))
    assert stop_leftovers(record_path, patience_s=0.2) == []
    assert lives(pid)
    os.kill(pid, signal.SIGKILL)


def test_a_copied_folder_leaves_the_programs_of_the_original_alone(tmp_path):
    pid = killed_supervisor(tmp_path, DEAF, "deaf")
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "programs.json").write_bytes((tmp_path / "programs.json").read_bytes())
    assert stop_leftovers(copy / "programs.json", patience_s=0.2) == []
    assert lives(pid)
    os.kill(pid, signal.SIGKILL)


# ---------------------------------------------------------------------------- one per folder


def test_the_second_holder_of_a_folder_is_told_who_holds_it(tmp_path):
    with hold(tmp_path / "lock") as describe:
        describe({"process": "17"})
        with pytest.raises(Held) as held, hold(tmp_path / "lock"):
            pass
        assert held.value.holder == {"process": "17"}
    with hold(tmp_path / "lock"):
        pass


def test_a_program_does_not_go_on_holding_the_folder(supervise, tmp_path):
    with hold(tmp_path / "lock"):
        running = supervise(program("web", SLEEP, tmp_path))
        running.start()
    with hold(tmp_path / "lock"):
        assert lives(pids(tmp_path)["web"])
    running.stop()
