"""What a child process can see and reach: bubblewrap and control groups, where they can run.

Bubblewrap gives a child its own view of the machine: no network, no other processes, a read-only
file system with only Python, its packages and the two packages of this course, and one folder to
write. A control group counts memory and processes of the whole tree. Where either is missing the
per-process limits of `autograder.sandbox` are all there is, and `describe` says so.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime",
                 "/etc/alternatives", "/etc/fonts", "/sys/devices/system/cpu")  # fmt: skip
#: Size of the sandbox's own /tmp and /dev/shm, which live in memory.
_TMP_BYTES = 256 << 20
#: The user "nobody".
_NOBODY = 65534


@functools.cache
def bubblewrap() -> str:
    """Path of a bubblewrap that works here, or an empty string."""
    found = shutil.which("bwrap") if sys.platform == "linux" else None
    if not found:
        return ""
    trial = [found, *_namespaces(), "--ro-bind", "/", "/", *_own_files(), "/bin/true"]
    try:
        worked = subprocess.run(trial, capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found if worked else ""


def describe() -> str:
    """Which protection a run has here, in a few words for a report."""
    seen = "bubblewrap" if bubblewrap() else "no bubblewrap: process limits only"
    counted = "control groups" if _hierarchies() else "per-process memory limits"
    return f"{seen}, {counted}"


def wrap(
    command: Sequence[str], *, writable: Sequence[Path], readable: Sequence[Path], folder: Path
) -> list[str]:
    """The command inside bubblewrap, or as it is where bubblewrap cannot run.

    Parameters
    ----------
    command : program and arguments.
    writable : the only folders it can write, besides a small /tmp of its own.
    readable : files and folders it can read, besides Python and the course's two packages; they
        may lie inside writable ones, and are read-only all the same.
    folder : current folder of the command.
    """
    found = bubblewrap()
    if not found:
        return list(command)
    arguments = [
        found,
        *_namespaces(),
        "--die-with-parent",
        "--new-session",
        "--hostname",
        "sandbox",
    ]
    for name in _SYSTEM:
        if os.path.islink(name):
            arguments += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            arguments += ["--ro-bind", name, name]
    for name in _SYSTEM_FILES:
        arguments += ["--ro-bind-try", name, name]
    arguments += _own_files()
    bound = [("--ro-bind", Path(path)) for path in _python()]
    bound += [("--bind", path) for path in writable]
    bound += [("--ro-bind-try", path) for path in readable]
    for how, path in bound:
        for parent in reversed(path.parents[:-1]):  # bubblewrap would make them for root alone
            arguments += ["--dir", str(parent)]
        arguments += [how, str(path), str(path)]
    return [*arguments, "--remount-ro", "/", "--chdir", str(folder), *command]


def user() -> int | None:
    """Whom a child must become before it runs anything of a learner's; None for nobody else.

    In a user namespace of its own root still owns the machine's /proc/sys and /dev/null, and may
    write to the one and close the other for everybody. Where root grades, bubblewrap therefore
    makes no user namespace, and the child gives root up for good.
    """
    return _NOBODY if bubblewrap() and os.geteuid() == 0 else None


def counts_processes() -> bool:
    """Whether a limit on a user's processes counts those of one sandbox alone.

    Linux counts them in each user namespace since 5.14.
    """
    return bool(bubblewrap()) and user() is None


def _namespaces() -> list[str]:
    if os.geteuid() == 0:
        who = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        # A namespace inside it would give back rights over mounts and networks.
        who = ["--unshare-user", "--disable-userns", "--uid", str(_NOBODY), "--gid", str(_NOBODY)]
    return [*who, "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-net",
            "--unshare-cgroup-try"]  # fmt: skip


def _own_files() -> list[str]:
    """Processes, devices and small folders in memory of its own."""
    small = ["--perms", "1777", "--size", str(_TMP_BYTES), "--tmpfs"]
    return ["--proc", "/proc", "--dev", "/dev", *small, "/dev/shm", "--remount-ro", "/dev",
            *small, "/tmp"]  # fmt: skip


@functools.cache
def _python() -> tuple[str, ...]:
    """Folders of this Python and its packages, and of our own two packages."""
    import autograder
    import course

    own = [Path(package.__file__).parent for package in (autograder, course)]
    wanted = {sys.prefix, sys.base_prefix, sysconfig.get_path("purelib"), *map(str, own)}
    under_usr = ("/usr/", "/usr")
    kept = sorted(
        path for path in map(os.path.realpath, wanted) if not path.startswith(under_usr[0])
    )
    # A folder inside another is bound with it.
    return tuple(
        path
        for path in kept
        if not any(path.startswith(f"{other}/") for other in kept if other != path)
    )


# --- control groups ---------------------------------------------------------------------------


@dataclass
class Group:
    """A control group that holds one run's whole process tree.

    Attributes
    ----------
    folders : its folders, one for each hierarchy; empty where there is none to use.
    """

    folders: tuple[Path, ...]

    def enter(self, command: Sequence[str]) -> list[str]:
        """The command, moving itself into the group before it starts."""
        if not self.folders:
            return list(command)
        join = "".join(
            f'echo $$ > "${i}/cgroup.procs" || exit 71; ' for i in range(len(self.folders))
        )
        names = [str(folder) for folder in self.folders]
        return ["/bin/sh", "-c", f'{join}shift {len(names) - 1}; exec "$@"', *names, *command]

    @property
    def peak_bytes(self) -> int | None:
        """Most memory that the group held at once, where the system counts it."""
        for folder in self.folders:
            for name in ("memory.peak", "memory.max_usage_in_bytes"):
                with contextlib.suppress(OSError, ValueError):
                    return int((folder / name).read_text())
        return None

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether the system killed something in it for memory."""
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    words = (folder / name).read_text().split()
                    if "oom_kill" in words:
                        return int(words[words.index("oom_kill") + 1]) > 0
        return False


@contextlib.contextmanager
def group(*, memory_bytes: int, processes: int) -> Iterator[Group]:
    """A control group with limits, removed with everything in it at the end.

    Parameters
    ----------
    memory_bytes : of all its processes together.
    processes : most processes and threads at once.
    """
    name = f"on-device-{os.getpid()}-{secrets.token_hex(4)}"
    made: list[Path] = []
    try:
        for hierarchy in _hierarchies():
            folder = hierarchy / name
            folder.mkdir()
            made.append(folder)
            for file, limit in (
                ("memory.max", memory_bytes),
                ("memory.limit_in_bytes", memory_bytes),
                ("memory.swap.max", 0),
                ("memory.memsw.limit_in_bytes", memory_bytes),
                ("pids.max", processes),
            ):
                if (folder / file).exists():
                    with contextlib.suppress(OSError):  # swap is not counted everywhere
                        (folder / file).write_text(str(limit))
        yield Group(tuple(made))
    finally:
        for folder in made:
            _remove(folder)


@functools.cache
def _hierarchies() -> tuple[Path, ...]:
    """Folders in which groups with limits can be made: one (v2), two (v1) or none."""
    if sys.platform != "linux":
        return ()
    if (_CGROUPS / "cgroup.controllers").exists():
        candidates = [_own_v2_group()]
    else:
        candidates = [_CGROUPS / "memory", _CGROUPS / "pids"]
    for folder in candidates:
        trial = folder / f"on-device-trial-{secrets.token_hex(4)}"
        try:
            trial.mkdir()
            limits = {"memory.max", "memory.limit_in_bytes", "pids.max"}
            usable = any((trial / name).exists() for name in limits)
            trial.rmdir()
        except OSError:
            return ()
        if not usable:
            return ()
    return tuple(candidates)


def _own_v2_group() -> Path:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::"):
                return _CGROUPS / line[3:].strip("/")
    return _CGROUPS


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):
        (folder / "pids.max").write_text("0")  # what is killed cannot be replaced by a new one
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            for line in (folder / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(line), signal.SIGKILL)
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
