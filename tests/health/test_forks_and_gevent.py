"""Readiness in processes of their own: forked, leaving, and patched by gevent."""

import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

import wsgi_observe

ROOT = Path(wsgi_observe.__file__).parents[1]

PRELUDE = """\
import os, sys, threading, time
from wsgi_observe.health import Check, Readiness
"""

FORK = """
def in_child(work):
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        work()
        os._exit(0)
    except BaseException as error:
        sys.stderr.write(repr(error))
        os._exit(1)
"""


def run(*script: str, patience: float = 60) -> str:
    """Run a script and return what it printed; one that fails or hangs fails the test."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", "\n".join(script)],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=patience,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_a_child_runs_its_own_checks_however_fresh_its_parents_report_is() -> None:
    script = """
seen = []
readiness = Readiness({"db": lambda: seen.append(os.getpid())}, ttl=600)
readiness.report()
def work():
    readiness.report()
    readiness.report()
    assert seen == [os.getppid(), os.getpid()], seen
print(in_child(work), len(seen))
"""
    assert run(PRELUDE, FORK, script) == "0 1"


def test_a_fork_in_the_middle_of_a_run_leaves_the_child_unharmed() -> None:
    script = """
forked = threading.Event()
pids = []
def hang():
    if not forked.is_set():
        pids.append(os.getpid())
        threading.Event().wait(1)
readiness = Readiness({"db": hang, "cache": dict}, timeout=20, ttl=0)
asking = [threading.Thread(target=readiness.report) for _ in range(8)]
for thread in asking:
    thread.start()
while not pids:
    time.sleep(0.001)
def work():
    forked.set()
    assert readiness.hanging == ()
    assert readiness.report().checks == {"db": "ok", "cache": "ok"}
print([in_child(work) for _ in range(20)])
for thread in asking:
    thread.join()
"""
    assert run(PRELUDE, FORK, script) == str([0] * 20)


def test_a_fork_while_a_lock_is_held_leaves_the_child_unharmed() -> None:
    script = """
readiness = Readiness({f"c{n}": dict for n in range(5)}, ttl=0)
stop = threading.Event()
def flood():
    while not stop.is_set():
        readiness.report()
flooding = [threading.Thread(target=flood) for _ in range(4)]
for thread in flooding:
    thread.start()
def work():
    assert readiness.report().ready
print({in_child(work) for _ in range(50)})
stop.set()
for thread in flooding:
    thread.join()
"""
    assert run(PRELUDE, FORK, script) == "{0}"


def test_a_check_that_hangs_does_not_delay_the_exit() -> None:
    script = """
readiness = Readiness({"db": threading.Event().wait, "spin": lambda: time.sleep(600)}, timeout=0.1)
print(readiness.report().status)
"""
    began = time.monotonic()
    quiet = "import logging; logging.disable()"
    assert run(quiet, PRELUDE, script) == "unavailable"
    assert time.monotonic() - began < 30


def test_a_process_without_address_space_for_threads_is_answered() -> None:
    script = """
import logging, resource
logging.disable()
readiness = Readiness({f"c{n}": dict for n in range(3)}, ttl=0)
threading.stack_size(1 << 30)
resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
print(readiness.report().status)
threading.stack_size(0)
print(readiness.report().status)
"""
    assert run(PRELUDE, script).split() == ["unavailable", "ok"]


needs_gevent = pytest.mark.skipif(find_spec("gevent") is None, reason="gevent is not installed")

GEVENT = """
import logging
logging.disable()
import gevent
ticks = 0
def tick():
    global ticks
    while True:
        ticks += 1
        gevent.sleep(0.01)
gevent.spawn(tick)
"""


@needs_gevent
def test_under_gevents_patches_a_check_that_hangs_holds_up_no_greenlet() -> None:
    script = """
from gevent.event import Event
begun, gate = [], Event()
def hang():
    begun.append(1)
    gate.wait()
readiness = Readiness({"db": hang, "cache": dict}, timeout=0.5, ttl=0.1)
for _ in range(3):
    asking = [gevent.spawn(readiness.report) for _ in range(200)]
    gevent.joinall(asking)
    assert {str(asked.value.checks) for asked in asking} == {"{'db': 'fail', 'cache': 'ok'}"}
    gevent.sleep(0.2)
assert len(begun) == 1, begun
assert ticks > 20, ticks
assert readiness.hanging == ("db",)
gate.set()
gevent.sleep(0.2)
assert readiness.report().ready
print("done")
"""
    assert run("import gevent.monkey; gevent.monkey.patch_all()", PRELUDE, GEVENT, script) == "done"


@needs_gevent
def test_readiness_made_before_gevents_patches_works_after_them() -> None:
    script = """
readiness = Readiness({"db": lambda: time.sleep(0.1), "cache": dict}, ttl=0)
import gevent.monkey
gevent.monkey.patch_all()
"""
    rest = """
asking = [gevent.spawn(readiness.report) for _ in range(50)]
gevent.joinall(asking)
assert {asked.value.status for asked in asking} == {"ok"}
assert ticks > 5, ticks
print("done")
"""
    assert run(PRELUDE, script, GEVENT, rest) == "done"


@needs_gevent
def test_a_greenlet_that_is_killed_while_it_asks_harms_no_other() -> None:
    script = """
from gevent.event import Event
begun, gate = [], Event()
def hang():
    begun.append(1)
    gate.wait()
readiness = Readiness({f"c{n}": hang for n in range(3)}, timeout=0.5, ttl=600)
first = gevent.spawn(readiness.report)
gevent.sleep(0)
first.kill()
assert readiness.report().status == "unavailable"
assert len(begun) == 3, begun
gate.set()
print("done")
"""
    assert run("import gevent.monkey; gevent.monkey.patch_all()", PRELUDE, GEVENT, script) == "done"


@needs_gevent
def test_beside_an_unpatched_gevent_a_check_runs_on_a_real_thread() -> None:
    script = """
readiness = Readiness({"db": lambda: time.sleep(0.05)}, ttl=0)
asking = [gevent.spawn(readiness.report) for _ in range(10)]
gevent.joinall(asking)
assert {asked.value.status for asked in asking} == {"ok"}
print("done")
"""
    assert run(PRELUDE, GEVENT, script) == "done"
