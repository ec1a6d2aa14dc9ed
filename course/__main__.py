"""``python3 -m course …`` on a computer that has nothing but Python.

Where the running Python already has every package the course needs, the command runs at once and
nothing is installed. Elsewhere an environment is made in ``.venv`` beside this package, the pinned
versions are installed into it, and the same command runs again there.

Standard library only. This file must parse on Python 3.6, and run there as far as
:func:`python_problem`, so that an old Python answers with a sentence and not with a syntax error.
"""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from course import doctor

ROOT = Path(__file__).resolve().parent.parent

#: First and last Python that every pinned package has builds for; pyproject.toml says the same.
SUPPORTED_PYTHON = ((3, 11), (3, 13))

#: Commands that need more than the base packages, and the extras of pyproject.toml they need.
EXTRAS = {"test": ("test", "grading", "npu"), "grade": ("grading",)}

#: Commands that explain, and so run before anything is installed.
EXPLAINING = ("", "doctor")

#: What a pip configured for other purposes would do to the environment made here.
DIVERTING_VARIABLES = (
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_USER",
    "PYTHONHOME",
    "PYTHONPATH",
    "__PYVENV_LAUNCHER__",
)

#: What a failed step says, and what that means. Looked through in this order.
FAILURES = (
    (
        r"No space left on device|Errno 28\b|WinError 112\b|[Dd]isk quota exceeded",
        "The disk is full: a first installation takes {needed} in {root} and in {temporary}.\n"
        "Free some space, then type the same command again.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "The package index was reached, and its certificate was refused.\n"
        "Set this computer's clock, or name your network's own certificate with "
        "pip config set global.cert FILE, then type the same command again.",
    ),
    (
        r"after connection broken by|Max retries exceeded|Read timed out|IncompleteRead|ProxyError"
        r"|Failed to resolve|Connection to \S+ (?:failed|timed out)",
        "The packages could not be downloaded: the package index does not answer.\n"
        "Connect to the internet (behind a proxy, set HTTPS_PROXY), then type the same command "
        "again.",
    ),
    (
        r"No matching distribution found for ([\w.-]+)|requested \(constraint\) ([\w.-]+)",
        "There is no {package} for Python {python} on {platform}.\n"
        "The course runs on 64-bit Linux and Windows, and on Macs with Apple silicon. Where that "
        "is what you have, pip is set to a package index that lacks it: choose another, then type "
        "the same command again.",
    ),
    (
        r"ensurepip|No module named '?venv",
        "This Python cannot make environments: on Debian and Ubuntu that is a package of its own.\n"
        "Type sudo apt install python{python}-venv, then the same command again.",
    ),
    (
        r"Errno 13\b|Errno 30\b|Permission denied|Read-only file system|WinError (?:5|32)\b",
        "The course installs itself into {root}, which is read-only or in use.\n"
        "Copy it to a folder of your own, or make it writable and close the programs that use it, "
        "then type the same command again.",
    ),
)

#: Prints a version as :func:`str` shows a tuple, on any Python.
PRINT_VERSION = "import sys; print(tuple(sys.version_info[:2]))"


class Trouble(Exception):
    """Something that the person at the keyboard can mend; its text is all that they read."""


def main(argv: "list[str] | None" = None) -> int:
    """Run a course command, installing first what it needs.

    Parameters
    ----------
    argv
        What was typed after ``python3 -m course``; the process's own arguments when None.

    Returns
    -------
    int
        The exit code: the command's own, 1 where it could not be started, 130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        # A folder called "Müller" must not break a message on a terminal without that letter.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    problem = python_problem(sys.version_info[:3], arguments)
    if not problem and not __package__:
        command = _command_line("python3", arguments)
        problem = f"Start the course by its name, in its folder:\n  cd {ROOT}\n  {command}"
    if problem:
        print(problem, file=sys.stderr)
        return 1
    try:
        return _start(arguments)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1


def python_problem(version: "tuple[int, ...]", arguments: "list[str]") -> str:
    """Say why this Python cannot run the course, and what to type instead.

    Parameters
    ----------
    version
        The running Python's version, at least major and minor.
    arguments
        What was typed after ``python3 -m course``, repeated in the command that is proposed.

    Returns
    -------
    str
        Full sentences, or the empty string where the version is supported.
    """
    first, last = SUPPORTED_PYTHON
    if first <= tuple(version[:2]) <= last:
        return ""
    found = (
        f"The course needs Python {_dotted(first)} to {_dotted(last)}; "
        f"this is Python {_dotted(version)}."
    )
    other = _supported_python()
    if other:
        mend = "This computer has one that fits. Type"
    else:
        other = "python3.12"
        mend = "Install Python 3.12 from python.org or your system's packages, then type"
    return f"{found}\n{mend}:\n  {_command_line(other, arguments)}"


def _start(arguments: "list[str]") -> int:
    """Run `arguments` in the right environment, which is made first where there is none."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    command = next((word for word in options if not word.startswith("-")), "")
    if "-h" in options or "--help" in options:
        return _run_here(arguments)

    from course import doctor

    extras = EXTRAS.get(command, ())
    environment = doctor.inspect_environment(ROOT)
    if environment.ready(extras):
        if environment.is_running:
            return _run_here(arguments)
        return _run_there(environment, arguments)
    outdated = environment.is_running and environment.state == "stale"
    if command in EXPLAINING or (not outdated and doctor.is_complete_here(ROOT, extras)):
        return _run_here(arguments)
    try:
        environment = _install(extras)
    except KeyboardInterrupt:
        _say("\nStopped. The same command begins the installation again.")
        return 130
    return _run_there(environment, arguments)


def _run_here(arguments: "list[str]") -> int:
    from course.cli import main as run

    return run(arguments)


def _run_there(environment: "doctor.Environment", arguments: "list[str]") -> int:
    """Hand over to the environment's Python, as if the environment had been activated."""
    # A VIRTUAL_ENV left from elsewhere would make IPython mix that environment into the kernel.
    variables = dict(os.environ, VIRTUAL_ENV=str(environment.folder))
    programs = str(environment.python.parent)
    variables["PATH"] = os.pathsep.join(filter(None, [programs, variables.get("PATH")]))
    for name in ("PYTHONHOME", "__PYVENV_LAUNCHER__"):
        variables.pop(name, None)
    command = [str(environment.python), "-m", "course", *arguments]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execve(command[0], command, variables)
    # Windows has no exec that keeps the terminal waiting.
    child = subprocess.Popen(command, env=variables)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            # The terminal sent Ctrl-C to the child as well, and the child decides what it means.
            continue


def _install(extras: "tuple[str, ...]") -> "doctor.Environment":
    """Bring ``.venv`` to the state that pyproject.toml and constraints.txt describe."""
    from course import doctor

    try:
        with _only_one():
            environment = doctor.inspect_environment(ROOT)
            if environment.ready(extras):
                return environment
            wanted = sorted(environment.extras.union(extras))
            started = time.monotonic()
            if environment.state in ("ready", "stale"):
                _say(f"Bringing {environment.folder} up to date.")
            else:
                _make_environment(environment)
            _install_packages(environment, wanted)
            doctor.mark_complete(ROOT, wanted)
            _say(f"Installed in {time.monotonic() - started:.0f} s.")
            return doctor.inspect_environment(ROOT)
    except OSError as error:
        raise Trouble(_explain(str(error))) from error


@contextlib.contextmanager
def _only_one():
    """Hold the installation's lock, waiting while another process installs.

    The system lets go of a lock whose process is gone, however it ended: none is left behind.
    """
    with (ROOT / ".venv.lock").open("a+b") as lock:
        if not _try_lock(lock):
            _say("Another start is installing the course. Waiting for it; Ctrl-C stops waiting.")
            while not _try_lock(lock):
                time.sleep(0.2)
        yield


def _try_lock(lock) -> bool:
    if os.name == "nt":
        import msvcrt

        lock.seek(0)
        try:
            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Some network drives know no locks: two starts at once are rarer than such drives.
        return True
    # Inherited by pip: should this process be killed, the lock lasts as long as its pip.
    os.set_inheritable(lock.fileno(), True)
    return True


def _make_environment(environment: "doctor.Environment") -> None:
    """Make an empty environment in place of whatever is there."""
    from course import doctor

    if environment.state != "absent":
        what = {
            "half": "holds an installation that did not finish",
            "broken": "was made for another folder or another Python",
        }[environment.state]
        _say(f"{environment.folder} {what}: starting over.")
        environment.marker.unlink(missing_ok=True)
        shutil.rmtree(str(environment.folder))
    free = shutil.disk_usage(str(ROOT)).free
    if free < doctor.FIRST_INSTALL_BYTES:
        needed = doctor.gigabytes(doctor.FIRST_INSTALL_BYTES)
        raise Trouble(
            f"The course needs {needed} of disk space to install, and {doctor.gigabytes(free)} is "
            f"free where {ROOT} is.\nFree some space, then type the same command again."
        )
    _say(f"Installing the course into {environment.folder}, once, in a few minutes.")
    environment.folder.mkdir()
    # The Python below the running one: it outlives an environment that is being replaced.
    python = getattr(sys, "_base_executable", None) or sys.executable
    _run([python, "-I", "-m", "venv", str(environment.folder)], environment)


def _install_packages(environment: "doctor.Environment", extras: "list[str]") -> None:
    """Install the course and the pinned versions of all that it needs, showing how far it is."""
    from course import doctor

    builders = doctor.build_requirements(ROOT)
    project = ".[{}]".format(",".join(extras)) if extras else "."
    pip = [str(environment.python), "-I", "-X", "utf8", "-m", "pip", "install"]
    pip += ["--no-input", "--no-user", "--disable-pip-version-check", "--progress-bar", "off"]
    # A missing build is said at once, where compiling from source would fail after minutes.
    pip += ["--only-binary", ":all:", "-c", "constraints.txt"]
    progress = _Progress(environment, len(doctor.pinned_packages(ROOT, extras)))
    try:
        # What builds the course is pinned and kept like the rest. pip would otherwise fetch it
        # anew each time, and bringing the course up to date would always need the network.
        if builders:
            _run(pip + builders, environment, progress)
        _run([*pip, "--no-build-isolation", "-e", project], environment, progress)
    finally:
        progress.close()


def _run(
    command: "list[str]",
    environment: "doctor.Environment",
    progress: "_Progress | None" = None,
) -> None:
    """Run one step of the installation with its words in the log, or say why it failed."""
    variables = {k: v for k, v in os.environ.items() if k not in DIVERTING_VARIABLES}
    words = b""
    with environment.log.open("ab") as log, environment.log.open("rb") as tail:
        log.write("$ {}\n".format(" ".join(command)).encode("utf-8", "replace"))
        log.flush()
        tail.seek(0, os.SEEK_END)
        step = subprocess.Popen(
            command,
            cwd=str(ROOT),
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            close_fds=False,  # for the lock; nothing else is inheritable
        )
        try:
            ended = False
            while not ended:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    step.wait(0.1)
                ended = step.poll() is not None
                news = tail.read()
                words += news
                if progress is not None:
                    progress.read(news.decode("utf-8", "replace"))
        finally:
            if step.poll() is None:
                step.terminate()
                step.wait()
    if step.returncode:
        reason = _explain(words.decode("utf-8", "replace"))
        raise Trouble(f"{reason}\nWhat was said is in {environment.log}")


def _explain(words: str) -> str:
    """What happened and what to do about it.

    Parameters
    ----------
    words
        What pip or venv said before it failed, or the text of an OSError.
    """
    import tempfile

    from course import doctor

    for pattern, message in FAILURES:
        found = re.search(pattern, words)
        if found:
            return message.format(
                package=next(filter(None, found.groups()), ""),
                root=ROOT,
                needed=doctor.gigabytes(doctor.FIRST_INSTALL_BYTES),
                temporary=tempfile.gettempdir(),
                platform=doctor.this_platform(),
                python=_dotted(sys.version_info[:2]),
            )
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    last = (errors or lines or ["(nothing)"])[-1]
    return f"The installation failed, and the last word on it was:\n  {last}"


class _Progress:
    """How far pip is: one line that renews itself, or a plain line now and then.

    Parameters
    ----------
    environment
        Where pip installs.
    expected
        How many packages pip is likely to bring.
    """

    #: Seconds between lines where the output is not a terminal.
    INTERVAL = 10.0

    def __init__(self, environment: "doctor.Environment", expected: int):
        self._environment = environment
        self._expected = expected
        self._started = time.monotonic()
        self._unfinished_line = ""
        self._stage = "looking up"
        self._names = set()
        self._now = ""
        self._to_unpack = 0
        self._there_before = 0
        self._renews = sys.stderr.isatty()
        self._width = 0
        self._said_stage = ""
        self._said_at = 0.0

    def read(self, news: str) -> None:
        """Take in what pip has said since the last time, and show how far it is."""
        lines = (self._unfinished_line + news).split("\n")
        self._unfinished_line = lines.pop()
        for line in lines:
            self._read_line(line.strip())
        self._show()

    def close(self) -> None:
        """Leave the terminal as a next line expects it."""
        if self._renews:
            sys.stderr.write("\r" + " " * self._width + "\r")

    def _read_line(self, line: str) -> None:
        found = re.match(r"Collecting ([\w.-]+)", line)
        if found and self._stage != "downloading":
            self._enter("looking up")
            self._now = ""
            self._names.add(found.group(1))
        if re.match(r"WARNING: Retrying", line):
            self._now = "the package index does not answer, trying again"
        found = re.match(
            r"(?:Downloading|Using cached|Processing) (\S+\.whl)(?!\S)(?: \(([\d.]+ \w+)\))?", line
        )
        if found:
            self._enter("downloading")
            name = re.split(r"[/\\]", found.group(1))[-1].split("-")[0]
            self._names.add(name)
            self._now = " ".join(filter(None, [name, found.group(2)]))
        if line.startswith("Installing collected packages:"):
            self._enter("unpacking")
            self._to_unpack = line.count(",") + 1
            self._there_before = self._count_unpacked()
            # From here on a stop would leave old and new mixed: fit to be replaced, not mended.
            self._environment.marker.unlink(missing_ok=True)

    def _enter(self, stage: str) -> None:
        if stage != self._stage:
            self._stage = stage
            self._names = set()
            self._now = ""

    def _show(self) -> None:
        count, total = len(self._names), max(len(self._names), self._expected)
        if self._stage == "unpacking":
            count = max(0, self._count_unpacked() - self._there_before)
            total = self._to_unpack
        now = time.monotonic()
        parts = [f"  {self._stage} {count} of {total} packages", self._now]
        text = " · ".join([*filter(None, parts), f"{now - self._started:.0f} s"])
        if self._renews:
            text = text[: shutil.get_terminal_size().columns - 1]
            sys.stderr.write("\r" + text.ljust(self._width))
            sys.stderr.flush()
            self._width = len(text)
        elif (self._stage != self._said_stage) or now - self._said_at >= self.INTERVAL:
            _say(text)
            self._said_stage, self._said_at = self._stage, now

    def _count_unpacked(self) -> int:
        folder = "Lib/site-packages" if os.name == "nt" else "lib/python3*/site-packages"
        return sum(1 for _ in self._environment.folder.glob(folder + "/*.dist-info"))


def _supported_python() -> str:
    """How to call a supported Python on this computer, empty where none is found."""
    first, last = SUPPORTED_PYTHON
    newest_first = [(3, minor) for minor in range(last[1], first[1] - 1, -1)]
    for version in newest_first:
        for command in (["python" + _dotted(version)], ["py", "-" + _dotted(version)]):
            program = shutil.which(command[0])
            # Asked for its version: some version managers put a name on PATH for a Python that
            # is not there. (subprocess has no capture_output on Python 3.6.)
            if program and _output([program, *command[1:], "-c", PRINT_VERSION]) == str(version):
                return " ".join(command)
    return ""


def _output(command: "list[str]") -> str:
    silent = subprocess.DEVNULL
    try:
        said = subprocess.check_output(command, stdin=silent, stderr=silent, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.decode("utf-8", "replace").strip()


def _command_line(python: str, arguments: "list[str]") -> str:
    quote = subprocess.list2cmdline if os.name == "nt" else lambda w: " ".join(map(shlex.quote, w))
    return f"{python} -m course {quote(arguments)}".rstrip()


def _dotted(version: "tuple[int, ...]") -> str:
    return ".".join(map(str, version))


def _say(sentence: str) -> None:
    """Print apart from the command's own output, which may be read by a program."""
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
