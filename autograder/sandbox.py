"""Run code that nobody vouches for in a child process with limits, and stop all of it.

Where they can run, bubblewrap and control groups stand around the child (`autograder.isolation`).
In any case the child limits itself before it runs anything of a learner's: ``python -m
autograder.sandbox LIMITS MODULE ARGUMENTS…``. Where the operating system has no resource limits
(Windows), wall time still holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from autograder import isolation

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "VIRTUAL_ENV",
              "CONDA_PREFIX", "PYTHONPATH", "MPLCONFIGDIR", "LD_LIBRARY_PATH")  # fmt: skip


_ENDED = "it ended"

#: A run is stopped when its disk has no more than this left.
_SPARE_BYTES = 64 << 20


class SandboxError(OSError):
    """A child could not even start: the fault is this machine's or ours, never a learner's."""


@dataclass(frozen=True)
class Limits:
    """What one child may use.

    Attributes
    ----------
    wall_seconds : real time of the whole process tree.
    cpu_seconds : processor time of each process.
    memory_bytes : memory of the whole process tree where control groups count it, else the heap
        of each process; TensorFlow fits in 1.5 GB (measured).
    file_bytes : largest file that it may write.
    folder_bytes : most bytes of all files in the folders that it may write.
    processes : most processes and threads at once, where control groups count them.
    """

    wall_seconds: float = 60
    cpu_seconds: int = 120
    memory_bytes: int = 3 << 30
    file_bytes: int = 256 << 20
    folder_bytes: int = 1 << 30
    processes: int = 256


@dataclass(frozen=True)
class Outcome:
    """How a child ended.

    Attributes
    ----------
    returncode : as subprocess gives it; negative is a signal.
    stopped : why the process tree was killed from outside, else empty.
    seconds : wall time used.
    peak_bytes : most memory that it held at once, where control groups count it.
    errors : the last 2,000 characters of its stderr, when that was kept.
    ready : whether it came as far as `ready`.
    """

    returncode: int
    stopped: str
    seconds: float
    peak_bytes: int | None = None
    errors: str = ""
    ready: bool = False

    @property
    def reason(self) -> str:
        """Why it ended, in words for a learner."""
        if self.stopped:
            return self.stopped
        if self.returncode < 0:
            known = {member.value: member.name for member in signal.Signals}
            name = known.get(-self.returncode, f"signal {-self.returncode}")
            causes = {
                "SIGKILL": "it was killed, most likely for using too much memory or processor time",
                "SIGXCPU": "it used too much processor time",
                "SIGXFSZ": "it wrote too large a file",
                "SIGSEGV": "it crashed (segmentation fault)",
                "SIGABRT": "it aborted",
            }
            return causes.get(name, f"it was ended by {name}")
        return f"it ended with exit code {self.returncode}"


def run(
    module: str,
    arguments: Sequence[str],
    *,
    folder: Path,
    limits: Limits,
    writable: Sequence[Path] = (),
    readable: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
    keep_errors: bool = False,
    on_tick: Callable[[], None] | None = None,
) -> Outcome:
    """Run ``python -m module arguments…`` in ``folder`` under ``limits``.

    Parameters
    ----------
    module, arguments : what to run; it sees no more of this process's environment than it needs.
    folder : its current folder and home, which it may write.
    writable : further folders that it may write.
    readable : files and folders that it may read, besides Python and our two packages.
    environment : variables to add.
    keep_errors : keep the end of stderr, which may be a learner's words.
    on_tick : called about five times a second while waiting, to draw progress.

    Returns
    -------
    Outcome
        However it ended. ``KeyboardInterrupt`` and any error of ``on_tick`` kill the child first.
    """
    places = [folder, *writable]
    started = time.monotonic()
    with (
        tempfile.TemporaryFile() as errors,
        _socket() as (ours, stdout),
        _child(
            [module, *arguments], places, readable, limits, environment or {}, stdout,
            errors if keep_errors else subprocess.DEVNULL,
        ) as (process, group),
    ):  # fmt: skip
        stopped = ""
        try:
            while not stopped and process.poll() is None:
                if not _ended(process, 0.2):
                    written = _bytes(os.fstat(errors.fileno()))
                    stopped = _overstepped(limits, time.monotonic() - started, places, written)
                    if on_tick is not None:
                        on_tick()
        finally:
            _kill_tree(process)
        if group.ran_out_of_memory:
            stopped = _out_of_memory(limits)
        was_ready = ours is None or bool(_received(ours))
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - 2000))
        text = errors.read().decode(errors="replace")
        peak = group.peak_bytes
    code = _signal_or_code(process.returncode)
    return Outcome(code, stopped, time.monotonic() - started, peak, text, was_ready)


@contextlib.contextmanager
def _child(
    command: Sequence[str],
    places: Sequence[Path],
    readable: Sequence[Path],
    limits: Limits,
    environment: Mapping[str, str],
    stdout: socket.socket | int,
    stderr: Any,
) -> Iterator[tuple[subprocess.Popen, isolation.Group]]:
    """A module and its arguments started in the sandbox; killed with all it began at the end."""
    user = isolation.user()
    for place in (*places, *(path for path in readable if path.is_dir())):
        give(place)
    start = json.dumps([asdict(limits), user, isolation.counts_processes()])
    confined = isolation.wrap(
        [sys.executable, "-P", "-m", "autograder.sandbox", start, *command],
        writable=places, readable=readable, folder=places[0],
    )  # fmt: skip
    with isolation.group(memory_bytes=limits.memory_bytes, processes=limits.processes) as group:
        process = subprocess.Popen(
            group.enter(confined),
            cwd=places[0],
            env=_environment(places[0]) | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            yield process, group
        finally:
            _kill_tree(process)


def give(folder: Path) -> None:
    """Let a child enter a folder, where it runs as somebody else."""
    user = isolation.user()
    if user is not None:
        os.chown(folder, user, 0)
        os.chmod(folder, 0o750)  # bubblewrap enters it as a root without root's rights


def _signal_or_code(code: int) -> int:
    # Bubblewrap and the shell report a signal as 128 plus its number.
    return 128 - code if 128 < code < 160 else code


def _out_of_memory(limits: Limits) -> str:
    return f"it used more than {limits.memory_bytes / 1e9:.1f} GB of memory"


class Resident:
    """A child that stays and answers one line of JSON with another, in the same sandbox as `run`.

    Starting Python and its packages takes longer than most questions do. The child forks for each
    question (see `answer`), so that nothing is carried from one to the next.

    Parameters
    ----------
    module, arguments, folder, readable : as in `run`.
    limits : of each question, but for wall time, which `ask` gives.
    seconds : that it may take until it is ready.

    Raises
    ------
    SandboxError
        When it does not come as far as `answer`.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        limits: Limits,
        readable: Sequence[Path],
        seconds: float,
    ) -> None:
        self._limits, self._places = limits, [folder]
        with contextlib.ExitStack() as stack:
            self._socket, theirs = stack.enter_context(_socket())
            self._process, self._group = stack.enter_context(
                _child(
                    [module, *arguments], self._places, readable, limits, {}, theirs,
                    subprocess.DEVNULL,
                )
            )  # fmt: skip
            theirs.close()  # or its end would go unnoticed
            outcome = self._wait(seconds)
            if not outcome.ready:
                raise SandboxError(f"{module} could not start: {outcome.reason}.")
            self._stack = stack.pop_all()

    def ask(
        self, question: Any, *, seconds: float, on_tick: Callable[[], None] | None = None
    ) -> Outcome:
        """How the child's answer to one question ended; after a wall limit or a death it is gone.

        Parameters
        ----------
        question : plain JSON.
        seconds : wall time that it may take.
        on_tick : called about five times a second while waiting.
        """
        try:
            self._socket.sendall(json.dumps(question).encode() + b"\n")
        except OSError:
            self._process.wait()
            return Outcome(_signal_or_code(self._process.returncode), "", 0.0)
        try:
            return self._wait(seconds, on_tick)
        except BaseException:  # Ctrl-C; its answer must not be taken for that to the next question
            _kill_tree(self._process)
            raise

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def close(self) -> None:
        """Kill it with all it began."""
        self._stack.close()

    def _wait(self, seconds: float, on_tick: Callable[[], None] | None = None) -> Outcome:
        started, said, stopped = time.monotonic(), b"", ""
        while not said.endswith(b"\n") and not stopped:
            if select.select([self._socket], [], [], 0.2)[0]:
                part = _received(self._socket)
                if not part:
                    stopped = _ENDED
                said += part
            else:
                passed = time.monotonic() - started
                stopped = _overstepped(
                    replace(self._limits, wall_seconds=seconds), passed, self._places, 0
                )
                if on_tick is not None:
                    on_tick()
        if self._group.ran_out_of_memory:
            stopped = _out_of_memory(self._limits)
        code = int(said) if said.endswith(b"\n") else 1
        if stopped:
            _kill_tree(self._process)
            code = _signal_or_code(self._process.returncode)
            stopped = "" if stopped == _ENDED else stopped  # what it died of says more
        return Outcome(code, stopped, time.monotonic() - started, ready=bool(said))


@contextlib.contextmanager
def _socket() -> Iterator[tuple[socket.socket | None, socket.socket | int]]:
    """Our end of a child's stdout, and that; on it the child says that it is ready."""
    if os.name != "posix":
        yield None, subprocess.DEVNULL
        return
    # Not a pipe: through /proc a learner's code could read the word back out of it.
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield ours, theirs


def _received(ours: socket.socket) -> bytes:
    try:
        return ours.recv(1 << 16)
    except (BlockingIOError, ConnectionResetError):
        return b""


def _ended(process: subprocess.Popen, seconds: float) -> bool:
    """Whether a child ends within so many seconds; says so at once where the system can."""
    try:
        watched = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # not Linux: Popen.wait looks every 50 ms
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True
    try:
        return bool(select.select([watched], [], [], seconds)[0])
    finally:
        os.close(watched)


def _overstepped(limits: Limits, seconds: float, places: Sequence[Path], written: int) -> str:
    """Why a running child must be stopped, or nothing; ``written`` is what lies elsewhere."""
    if seconds > limits.wall_seconds:
        return f"it ran longer than {limits.wall_seconds:.0f} seconds"
    # Files that were deleted while open, and so cannot be counted, show up here at last.
    if shutil.disk_usage(tempfile.gettempdir()).free < _SPARE_BYTES:
        return "the grader's disk is full"
    left = limits.folder_bytes - written
    for place in places:
        left -= _size(place, left)
    return "" if left > 0 else f"it wrote more than {limits.folder_bytes / 1e9:.1f} GB of files"


def _size(folder: Path, enough: int) -> int:
    """Bytes of all files below a folder; more than ``enough`` where they cannot be counted."""
    total, waiting = 0, [str(folder)]
    while waiting and total <= enough:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                        total += _bytes(entry.stat(follow_symlinks=False))
                    if total > enough:
                        break
        except (FileNotFoundError, NotADirectoryError):  # deleted meanwhile
            continue
        except OSError:  # closed to its owner, or nested too deeply to be named
            return enough + 1
    return total


def _bytes(status: os.stat_result) -> int:
    # At least one block; more than its length where a file claimed room ahead.
    return max(4096, status.st_size, 512 * getattr(status, "st_blocks", 0))


@contextlib.contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A new folder for one run, removed at the end whatever a learner's code left in it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix)).resolve()
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Delete a folder, even one that holds folders nested thousands deep or closed ones.

    What cannot be deleted stays: a grade is worth more than a tidy disk.
    """
    waiting = [str(folder)]
    while waiting:
        place = waiting.pop()
        with contextlib.suppress(OSError):
            with os.scandir(place) as entries:
                inside = list(entries)
            for entry in inside:
                with contextlib.suppress(OSError):
                    if not entry.is_dir(follow_symlinks=False):
                        os.unlink(entry.path)
                        continue
                    # Side by side in the topmost folder names stay short; nothing is recursive.
                    beside = os.path.join(folder, secrets.token_hex(16))
                    os.chmod(entry.path, 0o700)
                    os.rename(entry.path, beside)
                    waiting.append(beside)
        with contextlib.suppress(OSError):  # the topmost one still holds the others
            os.rmdir(place)
    with contextlib.suppress(OSError):
        os.rmdir(folder)


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return kept | {
        "HOME": str(folder),
        "USERPROFILE": str(folder),
        "IPYTHONDIR": str(folder / ".ipython"),
        "MPLBACKEND": "Agg",
        "PYTHONUTF8": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "COURSE_WORKSPACE": "",
    }


def _kill_tree(process: subprocess.Popen) -> None:
    if os.name == "posix":
        try:
            # The child leads a session of its own: this reaches what it left behind, too.
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS refuses where only zombies are left
            return
        finally:
            process.wait()
    else:
        if process.poll() is None:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
        process.wait()


def limit_this_process(limits: Limits, *, alone: bool = False) -> None:
    """Apply ``limits`` to this very process, as far as the operating system can.

    Parameters
    ----------
    limits : which.
    alone : the system counts no other processes of this user with those of this sandbox.
    """
    try:
        import resource
    except ImportError:  # Windows: the parent's wall time is the only limit
        return

    def at_most(kind: int, amount: int, grace: int = 0) -> None:
        soft, hard = amount, amount + grace
        present = resource.getrlimit(kind)[1]
        if present != resource.RLIM_INFINITY:
            soft, hard = min(soft, present), min(hard, present)
        resource.setrlimit(kind, (soft, hard))

    # With no grace Linux sends SIGKILL at once, which does not say what ran out.
    at_most(resource.RLIMIT_CPU, limits.cpu_seconds, grace=2)
    at_most(resource.RLIMIT_FSIZE, limits.file_bytes)
    at_most(resource.RLIMIT_CORE, 0)
    if alone:
        at_most(resource.RLIMIT_NPROC, limits.processes)
    if sys.platform == "linux":  # macOS refuses to lower RLIMIT_DATA below what is mapped
        at_most(resource.RLIMIT_DATA, limits.memory_bytes)


def become(user: int) -> None:
    """Give up root for good; Linux drops every capability with it."""
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def ready() -> None:
    """Tell the parent that all is in place; nothing that runs later can take it back."""
    stdout = os.environ.pop("COURSE_READY", "")
    if stdout:
        os.write(int(stdout), b"!")
        os.close(int(stdout))


def answer(work: Callable[[Any], None]) -> None:
    """The child's side of a `Resident`: ``work`` on each question, in a process of its own."""
    with socket.socket(fileno=int(os.environ.pop("COURSE_READY"))) as parent:
        parent.sendall(b"0\n")
        with parent.makefile("rb") as questions:
            for question in questions:
                process = os.fork()
                if not process:
                    code = 1
                    try:
                        parent.close()
                        work(json.loads(question))
                        code = 0
                    finally:
                        os._exit(code)
                _, status = os.waitpid(process, 0)
                parent.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    # What is printed goes nowhere; the real stdout is kept for `ready`.
    os.environ["COURSE_READY"] = str(os.dup(1))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _, _start, _module, *_arguments = sys.argv
    _limits, _user, _alone = json.loads(_start)
    limit_this_process(Limits(**_limits), alone=_alone)
    if _user is not None:
        become(_user)
    sys.argv = [_module, *_arguments]
    runpy.run_module(_module, run_name="__main__", alter_sys=True)
