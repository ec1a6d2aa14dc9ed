"""Code that takes all there is, never ends, or ends everything: floods, loops, bombs, exits.

Each is bounded so that a sandbox with a hole survives it: little memory, few processes, seconds.
"""

import os
import shutil
import sys
import time

import pytest

from autograder import isolation, sandbox
from tests.attacks.firing_range import ALL, NONE, RIGHT, notes, points

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Processes and limits of POSIX.")
linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux has this limit.")

#: Only the first task is solved; its 3 points are earned before the attack strikes.
FIRST = {"zero-point": RIGHT["zero-point"]}
EARNED = NONE | {"zero_point": 3}


@pytest.fixture
def strike(attack):
    """Grades the first task's solution with an attack right after its check, and the rest blank."""

    def run(text, **limits):
        answers = FIRST | {"thresholds": text + "\nbest = None"}
        return attack(answers=answers, **{"wall_seconds": 20, **limits})

    return run


@pytest.fixture
def counted():
    if not isolation._hierarchies():
        pytest.skip("Control groups cannot be made on this machine.")


# --- ends -----------------------------------------------------------------------------------------

EXITS = {
    "os._exit(0)": "import os; os._exit(0)",
    "killed by itself": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "a crash": "import ctypes; ctypes.string_at(0)",
    "an abort": "import os; os.abort()",
    "a recursion without end": (
        "import sys; sys.setrecursionlimit(10**9)\n"
        "deep = []\n"
        "for _ in range(10**6):\n    deep = [deep]\n"
        "repr(deep)"
    ),
    "another program": "import os, sys; os.execv(sys.executable, ['python', '-c', ''])",
}


@pytest.mark.parametrize("text", EXITS.values(), ids=EXITS)
def test_a_sudden_end_keeps_what_was_earned_before_and_is_told(strike, bubblewrap, text):
    record = strike(text)
    assert points(record) == EARNED
    assert record["status"] == "stopped"
    assert record["reason"].startswith("The notebook did not run to its end: it ")


def test_an_end_before_the_first_check_earns_nothing(attack, protection):
    record = attack("import os; os._exit(0)", answers=RIGHT)
    assert points(record) == NONE
    assert record["status"] == "stopped"


ORDINARY = ["raise SystemExit(0)", "import sys; sys.exit(3)", "exit()", "quit()",
            "raise KeyboardInterrupt", "raise GeneratorExit", "1 / 0", "x = = 1",
            "import signal; signal.raise_signal(signal.SIGINT)"]  # fmt: skip


def test_an_ordinary_end_of_a_cell_does_not_end_the_run(attack, protection):
    """SystemExit and KeyboardInterrupt are exceptions of one cell."""
    record = attack(last=ORDINARY, answers=RIGHT)
    assert points(record) == ALL
    assert record["status"] == "graded"
    assert len(record["notes"]) >= len(ORDINARY) - 3


def test_a_function_that_ends_the_process_loses_its_own_check(attack, protection):
    answers = RIGHT | {"zero-point": "def zero_point(low, scale):\n    raise SystemExit(0)"}
    assert points(attack(answers=answers)) == ALL | {"zero_point": 0}


def test_a_forged_end_in_the_log_gives_no_points(attack, protection):
    record = attack(
        "import json, os\n"
        "log = os.path.dirname(os.environ['COURSE_INPUTS']) + '/log/log.jsonl'\n"
        "with open(log, 'w') as file:\n"
        "    for line in ({'started': True}, {'finished': True}, {'index': 10**30, 'error': 'x'},\n"
        "                 {'index': -1, 'error': '<script>\\x1b[2J'}, {'index': 0, 'error': [1]},\n"
        "                 {'verdicts': {'size': 1}}, [1], None, {'index': True, 'error': ''}):\n"
        "        file.write(json.dumps(line) + '\\n')\n"
        "    file.write('[' * 100_000 + '\\n')\n"
        '    file.write(\'{"index": 0, "error": "\' + \'x\' * 10**6)\n'
        "os._exit(0)"
    )
    assert points(record) == NONE
    assert "\x1b" not in notes(record)


def test_a_start_that_is_wiped_out_is_no_fault_of_the_grader(attack, protection):
    """Else whoever expects a bad grade could have none: a run that never began gets no zero."""
    record = attack(
        last="import glob, os\n"
        "os.unlink(os.path.dirname(os.environ['COURSE_INPUTS']) + '/log/log.jsonl')\n"
        "for path in glob.glob('/proc/[0-9]/fd/*') + glob.glob('/proc/self/fd/*'):\n"
        "    try:\n"
        "        os.read(os.open(path, os.O_RDWR | os.O_NONBLOCK), 100)\n"
        "    except OSError:\n"
        "        pass\n"
        "os._exit(1)",
        answers=RIGHT,
    )
    assert points(record) == ALL
    assert record["status"] == "stopped"


# --- time -----------------------------------------------------------------------------------------


def test_a_loop_without_end_is_stopped(strike, protection):
    record = strike("while True:\n    pass", wall_seconds=2)
    assert points(record) == EARNED
    assert "it ran longer than 2 seconds" in record["reason"]
    assert record["seconds"] < 15


@linux
def test_a_loop_that_catches_every_signal_is_stopped_by_its_processor_time(strike, bubblewrap):
    record = strike(
        "import signal\n"
        "for number in range(1, 65):\n"
        "    try:\n        signal.signal(number, signal.SIG_IGN)\n"
        "    except (OSError, ValueError):\n        pass\n"
        "while True:\n    try:\n        while True:\n            pass\n"
        "    except BaseException:\n        continue",
        cpu_seconds=1,
    )
    assert points(record) == EARNED
    assert record["status"] == "stopped"


def test_a_function_that_sleeps_at_each_call_is_stopped(attack, bubblewrap):
    slow = "import time\ndef zero_point(low, scale):\n    time.sleep(600)"
    record = attack(answers=RIGHT | {"zero-point": slow}, wall_seconds=2)
    assert points(record) == NONE
    assert "it ran longer than 2 seconds" in record["reason"]


# --- memory ---------------------------------------------------------------------------------------


@linux
def test_eight_gigabytes_at_once_are_refused(strike, protection):
    record = strike("block = bytearray(8 << 30)", memory_bytes=512 << 20)
    assert points(record) == EARNED
    assert "MemoryError" in notes(record)


@linux
def test_memory_of_many_processes_together_is_limited(strike, bubblewrap, counted):
    record = strike(
        "import os, time\n"
        "for _ in range(6):\n"
        "    if os.fork() == 0:\n        block = b'x' * (100 << 20); time.sleep(2); os._exit(0)\n"
        "time.sleep(2)",
        memory_bytes=400 << 20,
    )
    assert points(record) == EARNED
    assert "it used more than 0.4 GB of memory" in record["reason"]
    assert record["peak_bytes"] <= 400 << 20


@linux
def test_files_in_memory_are_limited(strike, bubblewrap):
    record = strike(
        "import errno\n"
        "for place in ('/tmp', '/dev/shm', '/', '/dev', '/run'):\n"
        "    try:\n"
        "        for number in range(4):\n"
        "            with open(f'{place}/{number}', 'wb') as file:\n"
        "                for _ in range(100):\n                    file.write(bytes(1 << 20))\n"
        "        raise SystemError(f'{place} took 400 MB')\n"
        "    except OSError:\n        pass"
    )
    assert "SystemError" not in notes(record)
    assert points(record) == EARNED


# --- processes ------------------------------------------------------------------------------------


@linux
def test_a_fork_bomb_goes_out(strike, bubblewrap):
    record = strike(
        "import os, time\nmade = 0\n"
        "try:\n"
        "    for _ in range(300):\n"
        "        if os.fork() == 0:\n            time.sleep(3)\n            os._exit(0)\n"
        "        made += 1\n"
        "except OSError:\n    raise RuntimeError(f'only {made}') from None",
        processes=40,
    )
    assert points(record) == EARNED
    if isolation._hierarchies() or isolation.counts_processes():
        assert "RuntimeError: only 3" in notes(record)


@linux
def test_threads_are_limited(strike, bubblewrap):
    record = strike(
        "import threading, time\n"
        "for number in range(300):\n"
        "    threading.Thread(target=time.sleep, args=(3,), daemon=True).start()",
        processes=40,
    )
    assert points(record) == EARNED
    if isolation._hierarchies() or isolation.counts_processes():
        assert "can't start new thread" in notes(record)


SURVIVE = (
    "import os, signal, sys, time\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0:\n"
    "        for number in (1, 2, 3, 13, 15):\n"
    "            signal.signal(number, signal.SIG_IGN)\n"
    "        mark = os.environ['COURSE_INPUTS']\n"
    "        os.execve(sys.executable, [mark, '-c', 'import time; time.sleep(8)', mark], {})\n"
    "    os._exit(0)\n"
    "os.wait()"
)


@linux
def test_a_process_in_a_session_of_its_own_does_not_survive(strike, bubblewrap):
    record = strike(SURVIVE)  # the range looks for survivors by their environment and arguments
    assert points(record) == EARNED
    assert record["status"] == "graded"


@linux
def test_without_bubblewrap_a_control_group_leaves_no_survivor(strike, counted, monkeypatch):
    monkeypatch.setattr(isolation, "bubblewrap", lambda: "")
    assert points(strike(SURVIVE)) == EARNED


# --- words and files ------------------------------------------------------------------------------

FLOOD = """
import os, sys
block = b"<script>" * (1 << 17)
for _ in range(100):
    os.write({stream}, block)
sys.stdout.write("x" * (10 << 20))
sys.stderr.write("x" * (10 << 20))
print("y" * (10 << 20))
from IPython.display import display
display("z" * (10 << 20))
"""


@pytest.mark.parametrize("stream", [1, 2], ids=["stdout", "stderr"])
def test_a_hundred_megabytes_of_words_go_nowhere(attack, protection, stream):
    record = attack(last=FLOOD.format(stream=stream), answers=RIGHT)
    assert points(record) == ALL
    assert len(str(record)) < 20_000


def test_an_error_of_a_hundred_megabytes_is_cut(attack, bubblewrap):
    record = attack(
        last="raise Exception('x' * (100 << 20))",
        answers=RIGHT
        | {"zero-point": "def zero_point(*a):\n    raise Exception('y' * (50 << 20))"},
    )
    assert points(record) == ALL | {"zero_point": 0}
    assert len(str(record)) < 20_000


FILL = {
    "many files": (
        "for number in range(300):\n"
        "    with open(f'{number}', 'wb') as file:\n        file.write(bytes(100_000))\n"
    ),
    "in the evidence": (
        "import os\nos.chdir(os.path.dirname(os.environ['COURSE_EVIDENCE']))\n"
        "for number in range(30):\n"
        "    with open(f'{number}', 'wb') as file:\n        file.write(bytes(1_000_000))\n"
    ),
    "empty files without end": "for number in range(8000):\n    open(f'{number}', 'w').close()\n",
    "room claimed ahead": (
        "import ctypes, os\nlibc = ctypes.CDLL(None)\n"
        "libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]\n"
        "libc.fallocate(os.open('x', os.O_CREAT | os.O_RDWR), 1, 0, 60_000_000)\n"
    ),
    "room claimed in stderr": (
        "import ctypes\nlibc = ctypes.CDLL(None)\n"
        "libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]\n"
        "libc.fallocate(2, 1, 0, 60_000_000)\n"
    ),
    "where names are too long to look": (
        "import os\n"
        "for _ in range(40):\n    os.mkdir('d' * 200)\n    os.chdir('d' * 200)\n"
        "for number in range(30):\n"
        "    with open(f'{number}', 'wb') as file:\n        file.write(bytes(1_000_000))\n"
    ),
}


@linux
@pytest.mark.parametrize("text", FILL.values(), ids=FILL)
def test_whoever_fills_the_disk_is_stopped(strike, bubblewrap, text):
    record = strike(text + "import time\ntime.sleep(10)", folder_bytes=20_000_000)
    assert points(record) == EARNED
    assert "it wrote more than" in record["reason"]


def test_a_run_is_stopped_before_the_disk_is_full(strike, bubblewrap, monkeypatch):
    """Files that are deleted while they are open fill it, too, and are not found by looking."""
    began, usage, full = time.monotonic(), shutil.disk_usage, [0]

    def filling(path):
        seen = usage(path)
        # Once: what a run has deleted is free again when it is dead.
        return seen._replace(free=full.pop()) if full and time.monotonic() > began + 5 else seen

    monkeypatch.setattr(sandbox.shutil, "disk_usage", filling)
    record = strike("import time\ntime.sleep(15)")
    assert points(record) == EARNED
    assert "the grader's disk is full" in record["reason"]


@linux
def test_a_file_is_no_larger_than_allowed(strike, protection):
    record = strike(
        "with open('x', 'wb') as file:\n    file.truncate(50_000_000)", file_bytes=10_000_000
    )
    assert points(record) == EARNED
    assert record["reason"].endswith("it wrote too large a file.") or "OSError" in notes(record)


DEEP = "import os\nfor _ in range(3000):\n    os.mkdir('deep')\n    os.chdir('deep')\n"


@linux
def test_folders_nested_three_thousand_deep_are_removed(strike, bubblewrap):
    record = strike(DEEP + "os._exit(0)")
    assert points(record) == EARNED


@linux
def test_closed_folders_are_removed(attack, bubblewrap):
    record = attack(
        last="import os\n"
        "for name in ('a', 'a/b', 'a/b/c'):\n    os.mkdir(name)\n"
        "open('a/b/c/file', 'w').close()\n"
        "for name in ('a/b/c', 'a/b', 'a', '.'):\n    os.chmod(name, 0)",
        answers=RIGHT,
    )
    assert sum(points(record).values()) in (0, 6)  # where it is noticed in time the run is stopped
