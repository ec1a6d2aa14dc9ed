"""The sandbox: every limit ends a child, the whole tree ends with it, and nothing leaks in."""

import contextlib
import json
import os
import secrets
import sys
import time
from pathlib import Path

import pytest

from autograder import isolation, sandbox
from autograder.sandbox import Limits, Outcome

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux has this limit.")
posix = pytest.mark.skipif(os.name != "posix", reason="Processes and signals of POSIX.")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs lines of code as a module in the sandbox, with a small wall limit."""
    place = tmp_path / "modules"
    place.mkdir()
    outside = filter(None, [os.environ.get("PYTHONPATH")])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(place), *outside]))

    def start(*lines, keep_errors=True, on_tick=None, arguments=(), environment=None, **limits):
        (place / "child_of_a_test.py").write_text("\n".join(lines), "utf-8")
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        return sandbox.run(
            "child_of_a_test", arguments, folder=work, readable=[place],
            limits=Limits(**{"wall_seconds": 30, **limits}),
            environment=environment, keep_errors=keep_errors, on_tick=on_tick,
        )  # fmt: skip

    return start


@pytest.fixture(params=["as it is here", "limits only"])
def anywhere(request, run, monkeypatch):
    """The same as `run`, once with whatever protects runs here and once with the least there is."""
    if request.param == "limits only":
        monkeypatch.setattr(isolation, "bubblewrap", lambda: "")
        monkeypatch.setattr(isolation, "_hierarchies", lambda: ())
    return run


SLEEPER = (
    "import subprocess, sys",
    "code = f'import time; time.sleep(600)  # {sys.argv[1]}'",
    "sleeper = subprocess.Popen([sys.executable, '-c', code])",
)


@pytest.fixture
def mark():
    """A word by which processes of a test are found, whatever their number in the sandbox is."""
    return f"mark-{secrets.token_hex(8)}"


def running(mark):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes() and path.parent.name != str(os.getpid()):
                found.append(path)
    return found


def gone(mark):
    deadline = time.monotonic() + 5
    while running(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not running(mark)


# --- a good child -----------------------------------------------------------------------------


def test_a_child_runs_as_main_with_its_arguments_in_its_folder(anywhere, tmp_path):
    outcome = anywhere(
        "import os, sys",
        "from pathlib import Path",
        "Path('said').write_text(repr((__name__, sys.argv[1:], os.getcwd())))",
        arguments=["one", "two words"],
    )
    assert outcome.returncode == 0
    assert not outcome.stopped
    said = (tmp_path / "work" / "said").read_text()
    assert said == repr(("__main__", ["one", "two words"], os.path.realpath(tmp_path / "work")))


def test_a_file_in_its_folder_is_not_imported(run, tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "json.py").write_text("raise SystemExit(9)")
    assert run("import json, autograder.sandbox").returncode == 0


def test_the_end_of_what_it_said_is_kept(run):
    outcome = run("import sys", "print('first ' * 1000, 'last', file=sys.stderr)", "sys.exit(3)")
    assert outcome.returncode == 3
    assert outcome.errors.endswith("last\n")
    assert len(outcome.errors) <= 2000
    assert outcome.reason == "it ended with exit code 3"


def test_nothing_it_said_is_kept_unless_asked_for(run):
    assert run("1 / 0", keep_errors=False).errors == ""


# --- what it may know -------------------------------------------------------------------------


def test_secrets_of_the_environment_stay_outside(anywhere, tmp_path, monkeypatch):
    for name in (
        "AWS_SECRET_ACCESS_KEY",
        "JUPYTER_TOKEN",
        "HOME",
        "XDG_CONFIG_HOME",
        "PYTHONSTARTUP",
    ):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("COURSE_WORKSPACE", "secret")
    anywhere(
        "import json, os",
        "from pathlib import Path",
        "Path('said').write_text(json.dumps(dict(os.environ)))",
        environment={"COURSE_INPUTS": "given"},
    )
    seen = json.loads((tmp_path / "work" / "said").read_text())
    assert "secret" not in seen.values()
    assert seen["COURSE_INPUTS"] == "given"
    assert seen["COURSE_WORKSPACE"] == ""
    assert seen["HOME"] == str(tmp_path / "work")


def test_it_cannot_read_from_the_terminal(run):
    assert "EOFError" in run("input()").errors


# --- limits -----------------------------------------------------------------------------------


def test_wall_time_ends_it(run):
    outcome = run("import time", "time.sleep(600)", wall_seconds=2)
    assert outcome.stopped
    assert outcome.seconds < 10
    assert outcome.reason.startswith("it ran longer than ")


@linux
def test_processor_time_ends_it_and_says_so(anywhere):
    outcome = anywhere("while True: pass", cpu_seconds=1)
    assert not outcome.stopped
    assert outcome.reason == "it used too much processor time"


@linux
def test_processor_time_ends_one_who_ignores_the_signal(run):
    outcome = run(
        "import signal", "signal.signal(signal.SIGXCPU, signal.SIG_IGN)", "while True: pass",
        cpu_seconds=1,
    )  # fmt: skip
    assert outcome.returncode == -9
    assert "processor time" in outcome.reason


@linux
def test_memory_is_limited(anywhere):
    outcome = anywhere("bytearray(2 << 30)", memory_bytes=256 << 20)
    assert outcome.returncode == 1
    assert "MemoryError" in outcome.errors


@posix
def test_the_size_of_a_file_is_limited(anywhere, tmp_path):
    outcome = anywhere(
        "with open('large', 'wb') as file:",
        "    for _ in range(20): file.write(bytes(1 << 20))",
        file_bytes=5 << 20,
    )
    assert "File too large" in outcome.errors
    assert (tmp_path / "work" / "large").stat().st_size <= 5 << 20


# --- the end of a child -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("os.abort()", "it aborted"),
        ("os.kill(os.getpid(), 11)", "it crashed (segmentation fault)"),
        ("os.kill(os.getpid(), 9)", "it was killed, most likely for using too much memory"),
        ("os.kill(os.getpid(), 15)", "it was ended by SIGTERM"),
        ("os._exit(0)", "it ended with exit code 0"),
    ],
)
@posix
def test_every_end_has_words_for_it(anywhere, call, reason):
    assert anywhere("import os", call).reason.startswith(reason)


@pytest.mark.parametrize("code", [*range(-64, 3), 3221225477])
def test_no_exit_code_is_without_words(code):
    assert Outcome(code, "", 1.0).reason


@linux
def test_processes_that_it_started_end_with_it(anywhere, mark):
    outcome = anywhere(*SLEEPER, arguments=[mark])
    assert outcome.returncode == 0
    assert gone(mark)


@linux
def test_processes_that_it_started_end_when_time_is_up(anywhere, mark):
    outcome = anywhere(*SLEEPER, "sleeper.wait()", arguments=[mark], wall_seconds=1.5)
    assert outcome.stopped
    assert gone(mark)


@linux
def test_a_process_that_leaves_its_session_ends_too_where_it_is_confined(run, mark):
    if not isolation.bubblewrap():
        pytest.skip("Only a namespace reaches such a process, and bubblewrap does not run here.")
    run(*SLEEPER[:2], "subprocess.Popen([sys.executable, '-c', code], start_new_session=True)",
        arguments=[mark])  # fmt: skip
    assert gone(mark)


@linux
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_whatever_interrupts_the_wait_ends_the_child(anywhere, mark, tmp_path, error):
    def stop():
        if (tmp_path / "work" / "ready").exists():
            raise error

    with pytest.raises(error):
        anywhere(*SLEEPER, "open('ready', 'w')", "sleeper.wait()", arguments=[mark], on_tick=stop)
    assert gone(mark)


def test_progress_can_be_drawn_while_it_runs(run):
    ticks = []
    run("import time", "time.sleep(1)", on_tick=lambda: ticks.append(time.monotonic()))
    assert len(ticks) >= 3


def test_floods_of_words_do_no_harm(anywhere):
    started = time.monotonic()
    outcome = anywhere(
        "import sys",
        "for _ in range(50):",
        "    sys.stdout.write('o' * (1 << 20))",
        "    sys.stderr.write('e' * (1 << 20))",
        "sys.stderr.write('the end')",
    )
    assert outcome.returncode == 0
    assert outcome.errors.endswith("ethe end")
    assert time.monotonic() - started < 30


def test_a_module_that_is_not_there_is_an_end_with_words(tmp_path):
    outcome = sandbox.run(
        "no_such_module", [], folder=tmp_path, limits=Limits(wall_seconds=30), keep_errors=True
    )
    assert outcome.returncode == 1
    assert "no_such_module" in outcome.errors


# --- systems without POSIX --------------------------------------------------------------------


def test_windows_ends_the_tree_by_its_own_command(monkeypatch):
    calls = []

    class Process:
        pid = 17

        def poll(self):
            return None

        def wait(self):
            calls.append("wait")

    monkeypatch.setattr(sandbox.os, "name", "nt")
    monkeypatch.setattr(sandbox.subprocess, "run", lambda command, **_: calls.append(command))
    sandbox._kill_tree(Process())
    assert calls == [["taskkill", "/F", "/T", "/PID", "17"], "wait"]


def test_a_system_without_resource_limits_runs_without_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert sandbox.limit_this_process(Limits()) is None
