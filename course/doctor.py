"""What is wrong with this installation, in plain words, and the mend for each.

Standard library only, so that it can be asked before anything is installed. What the course needs
is read from ``pyproject.toml``, the one home of that fact; ``course/__main__.py`` asks the same
questions to decide whether anything must be installed. Each start pays for the imports at the top,
so what only some answers need is imported where they are found.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from course.__main__ import ROOT, python_problem

#: Free disk space that a first installation needs. Measured on Linux x86-64: 2.7 GB installed with
#: the test extra, 3.3 GB while installing; pip may keep 0.7 GB of downloads for other environments.
FIRST_INSTALL_BYTES = 4_000_000_000

#: Free disk space below which notebooks and models can no longer be saved without worry.
WORKING_BYTES = 500_000_000

#: Longest wait for a kernel to start and answer; a cold disk takes about five seconds.
KERNEL_SECONDS = 20.0


# What the course needs, and whether it is there


@dataclass(frozen=True)
class Requirement:
    """One package that the course needs.

    Parameters
    ----------
    name
        Name on the package index.
    specifier
        Versions that fit, as in pyproject.toml: ``">=8.1,<9"``.
    """

    name: str
    specifier: str

    def allows(self, version: str) -> bool:
        """Whether a version fits.

        Examples
        --------
        >>> Requirement("numpy", ">=2.2,<2.5").allows("2.4.6")
        True
        >>> Requirement("numpy", ">=2.2,<2.5").allows("2.5.0")
        False
        """
        return all(_holds(version, clause) for clause in self.specifier.split(",") if clause)

    def __str__(self) -> str:
        return f"{self.name}{self.specifier}"


def requirements(root: Path = ROOT, extras: Iterable[str] = ()) -> tuple[Requirement, ...]:
    """Packages that pyproject.toml asks for on this platform.

    Parameters
    ----------
    root
        The checkout.
    extras
        Names of optional dependency groups to include.

    Raises
    ------
    ValueError
        If a requirement uses more of the packaging standards than is understood here.
    """
    project = _pyproject(root)["project"]
    lines = list(project.get("dependencies", ()))
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return tuple(r for r in map(_parse_requirement, lines) if r is not None)


def unmet(
    root: Path = ROOT, extras: Iterable[str] = ()
) -> Iterator[tuple[Requirement, str | None]]:
    """Yield each requirement that the running Python does not meet.

    Yields
    ------
    tuple of Requirement and (str or None)
        What is needed, and the version found, None where the package is missing.
    """
    for requirement in requirements(root, extras):
        found = _installed_version(requirement.name)
        if found is None or not requirement.allows(found):
            yield requirement, found


def build_requirements(root: Path = ROOT) -> list[str]:
    """What pyproject.toml asks for to build the course, as pip reads it."""
    return list(_pyproject(root)["build-system"]["requires"])


def pinned_packages(root: Path = ROOT, extras: Iterable[str] = ()) -> set[str]:
    """Names of the packages that an installation brings here, themselves and through others.

    The ``via`` comments of constraints.txt tell which package is there for which.
    """
    needed_by: dict[str, set[str]] = {}
    name = ""
    for line in (root / "constraints.txt").read_text("utf-8").splitlines():
        if found := re.match(r"([\w.-]+)==[^;]+(?:; (.*))?$", line):
            name = found[1] if _may_apply(found[2] or "") else ""
        elif found := re.match(r" +# +(?:via )?([\w.-]+)$", line):
            needed_by.setdefault(name, set()).add(found[1])
    names = {requirement.name for requirement in requirements(root, extras)}
    names |= {re.match(r"[\w.-]+", line)[0] for line in build_requirements(root)}
    needed_by.pop("", None)
    while more := {n for n, parents in needed_by.items() if parents & names} - names:
        names |= more
    return names


def is_complete_here(root: Path = ROOT, extras: Iterable[str] = ()) -> bool:
    """Whether the running Python has this checkout and all that it needs installed."""
    return _is_installed_from(root) and not any(unmet(root, extras))


@dataclass(frozen=True)
class Environment:
    """The environment that the course keeps for itself in ``.venv``.

    Parameters
    ----------
    folder
        Where it is or would be.
    state
        ``"absent"``; ``"half"``: an installation that did not finish; ``"broken"``: its Python no
        longer starts, or it was made for another folder; ``"stale"``: complete, for another version
        of the course; ``"ready"``.
    extras
        Extras of pyproject.toml that are installed in it.
    """

    folder: Path
    state: str
    extras: frozenset[str] = frozenset()

    def ready(self, extras: Iterable[str] = ()) -> bool:
        """Whether it can be used as it is for a command that needs `extras`."""
        return self.state == "ready" and self.extras.issuperset(extras)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return _interpreter(self.folder)

    @property
    def marker(self) -> Path:
        """The file that says what was installed; it is written last."""
        return self.folder / "on-device.json"

    @property
    def log(self) -> Path:
        """What pip said."""
        return self.folder / "install.log"

    @property
    def is_running(self) -> bool:
        """Whether the running Python is the one of this environment."""
        return _is_running(self.folder)


def inspect_environment(root: Path = ROOT) -> Environment:
    """Look at the checkout's ``.venv`` without changing it; takes about 20 ms."""
    folder = root / ".venv"
    if not os.path.lexists(folder):
        return Environment(folder, "absent")
    try:
        marker = json.loads(Environment(folder, "half").marker.read_text("utf-8"))
        extras = frozenset(marker["extras"])
        made_for, fingerprint = marker["root"], marker["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):
        return Environment(folder, "half")
    # Without its pyvenv.cfg an environment's interpreter starts, as another Python.
    starts = _is_running(folder) or _starts(_interpreter(folder))
    if made_for != str(root) or not (folder / "pyvenv.cfg").is_file() or not starts:
        return Environment(folder, "broken", extras)
    state = "ready" if fingerprint == _fingerprint(root) else "stale"
    return Environment(folder, state, extras)


def mark_complete(root: Path, extras: Iterable[str]) -> None:
    """Note that ``.venv`` now has what pyproject.toml and constraints.txt say.

    Raises
    ------
    OSError
        If the note cannot be written.
    """
    marker = Environment(root / ".venv", "half").marker
    note = {"fingerprint": _fingerprint(root), "extras": sorted(extras), "root": str(root)}
    unfinished = marker.with_suffix(".part")
    unfinished.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    os.replace(unfinished, marker)


# Diagnoses


@dataclass(frozen=True)
class Diagnosis:
    """One thing looked at.

    Parameters
    ----------
    name
        What was looked at.
    ok
        Whether the course can work with what was found.
    found
        What was found, in a sentence.
    mend
        What to do, in a sentence; empty where nothing is to be done.
    """

    name: str
    ok: bool
    found: str
    mend: str = ""


def diagnose(
    *,
    root: Path = ROOT,
    workspace: Path | None = None,
    port: int = 8888,
    kernel_seconds: float = KERNEL_SECONDS,
) -> list[Diagnosis]:
    """Look at everything that has been seen to go wrong.

    Parameters
    ----------
    root
        The checkout.
    workspace
        The learner's folder; the default one when None.
    port
        The first port that ``course start`` would try.
    kernel_seconds
        Longest wait, in seconds, for a notebook kernel to start and compute 1 + 1.

    Returns
    -------
    list of Diagnosis
        One or more for each thing looked at, whether or not it is in order.
    """
    if workspace is None:
        from course.workspace import default_path

        workspace = default_path()
    environment = inspect_environment(root)
    missing = list(unmet(root))
    diagnoses = [
        _look_at_python(),
        _look_at_disk(root, installed=environment.state == "ready" or not missing),
        _look_at_environment(environment),
        *_look_at_packages(root, missing),
        _look_at_folder("course folder", root, needed=not environment.ready() and bool(missing)),
        _look_at_folder("workspace", workspace, needed=True),
        _look_at_port(port),
    ]
    if {"ipykernel", "jupyter-client"}.isdisjoint(requirement.name for requirement, _ in missing):
        diagnoses.append(_look_at_kernel(kernel_seconds))
    return diagnoses


def report(diagnoses: Iterable[Diagnosis]) -> str:
    """Diagnoses as plain text, each that is not in order followed by its mend.

    Examples
    --------
    >>> print(report([Diagnosis("disk", False, "The disk is full.", "Free some space.")]))
    mend  disk: The disk is full.
          Free some space.
    <BLANKLINE>
    1 thing to mend.
    """
    diagnoses = list(diagnoses)
    lines: list[str] = []
    for diagnosis in diagnoses:
        word = "ok" if diagnosis.ok else "mend"
        lines += _wrap(f"{word:<6}{diagnosis.name}: {diagnosis.found}")
        if diagnosis.mend:
            lines += _wrap(" " * 6 + diagnosis.mend)
    wrong = sum(not diagnosis.ok for diagnosis in diagnoses)
    total = {0: "Nothing to mend.", 1: "1 thing to mend."}.get(wrong, f"{wrong} things to mend.")
    return "\n".join([*lines, "", total])


def _look_at_python() -> Diagnosis:
    found = f"Python {platform.python_version()} on {this_platform()}, {sys.executable}."
    problem = python_problem(sys.version_info[:3], ["start"])
    if problem:
        first, _, rest = problem.partition("\n")
        return Diagnosis("Python", False, first, rest.replace("\n ", ""))
    if sys.maxsize < 2**32:
        return Diagnosis("Python", False, found, "Install the 64-bit build of Python.")
    return Diagnosis("Python", True, found)


def _look_at_disk(root: Path, *, installed: bool) -> Diagnosis:
    free, needed = shutil.disk_usage(root).free, WORKING_BYTES if installed else FIRST_INSTALL_BYTES
    found = f"{gigabytes(free)} free, {gigabytes(needed)} needed."
    mend = "" if free >= needed else f"Free some space on the disk that holds {root}."
    return Diagnosis("disk space", not mend, found, mend)


def _look_at_environment(environment: Environment) -> Diagnosis:
    again = f"Type python3 -m course start in {environment.folder.parent}: it is made anew."
    match environment.state:
        case "half":
            found = f"{environment.folder} holds an installation that did not finish."
        case "broken":
            found = f"{environment.folder} was made for another folder or another Python."
        case "stale":
            found = f"{environment.folder} was made for another version of the course."
            again = again.replace("made anew", "brought up to date")
        case "absent":
            return Diagnosis("environment", True, "The course has not made a .venv here.")
        case _:
            return Diagnosis("environment", True, f"{environment.folder} is complete.")
    return Diagnosis("environment", False, found, again)


def _look_at_packages(root: Path, missing: list[tuple[Requirement, str | None]]) -> list[Diagnosis]:
    needed = requirements(root)
    if not _is_installed_from(root):
        found = (
            f"The course is not installed in this Python, which lacks {len(missing)} of the "
            f"{len(needed)} packages that it needs."
        )
        install = f"Type python3 -m course start in {root}: it installs them."
        return [Diagnosis("packages", False, found, install)]
    diagnoses = []
    for requirement, found in missing:
        what = "is missing" if found is None else f"is at version {found}"
        pip = f"{sys.executable} -m pip install -c constraints.txt"
        install = f'In {root}, type {pip} "{requirement}".'
        diagnoses.append(
            Diagnosis(requirement.name, False, f"It {what}; {requirement} is needed.", install)
        )
    if not diagnoses:
        diagnoses.append(Diagnosis("packages", True, f"All {len(needed)} are in range."))
    if "tflite-micro" not in {requirement.name for requirement in needed}:
        found = (
            f"It has no build for {this_platform()}, only for 64-bit Linux on Intel and AMD. "
            "Memory figures of boards are estimates here; everything else works."
        )
        diagnoses.append(Diagnosis("tflite-micro", True, found))
    return diagnoses


def _look_at_folder(name: str, folder: Path, *, needed: bool) -> Diagnosis:
    """Try to write in `folder`, or where it would be made; permission bits do not tell all."""
    import tempfile

    place = next(p for p in (folder, *folder.absolute().parents) if os.path.lexists(p))
    try:
        with tempfile.TemporaryFile(dir=place):
            return Diagnosis(name, True, f"{folder} can be written to.")
    except OSError as error:
        found = f"{place} cannot be written to ({error.strerror})."
    if not needed:
        return Diagnosis(name, True, f"{found} Nothing has to be written there.")
    if name == "workspace":
        mend = "Choose another folder: course start --workspace FOLDER."
    else:
        mend = f"Copy the course to a folder of your own, or make {place} writable."
    return Diagnosis(name, False, found, mend)


def _look_at_port(port: int) -> Diagnosis:
    from course.start import free_port

    try:
        free = free_port(port)
    except OSError as error:
        found, _, mend = str(error).partition(". ")
        return Diagnosis("port", False, f"{found}.", mend)
    if free == port:
        return Diagnosis("port", True, f"Port {port} is free.")
    found = f"Port {port} is in use, perhaps by a course that is running: {free} would be taken."
    return Diagnosis("port", True, found, f"Choose another with course start --port {free + 1}.")


def _look_at_kernel(seconds: float) -> Diagnosis:
    """Start the kernel that notebooks will use, let it compute 1 + 1, and stop it."""
    from jupyter_client import KernelManager
    from jupyter_client.kernelspec import NoSuchKernel

    install = f"Type {sys.executable} -m ipykernel install --sys-prefix."
    manager = KernelManager(kernel_name="python3")
    try:
        folder = manager.kernel_spec.resource_dir
        program = manager.format_kernel_cmd()[0]
    except NoSuchKernel:
        return Diagnosis("kernel", False, "Jupyter knows no Python kernel.", install)
    if shutil.which(program) is None:
        found = f"The kernel in {folder} wants {program}, which is not there."
        return Diagnosis("kernel", False, found, f"Remove {folder}, or {_lower(install)}")
    if not _starts(Path(program), "-c", "import ipykernel"):
        found = f"The kernel in {folder} uses {program}, which cannot import ipykernel."
        return Diagnosis("kernel", False, found, f"Remove {folder}, or {_lower(install)}")
    answer = _compute(manager, "1+1", seconds)
    if answer == "2":
        return Diagnosis("kernel", True, f"{program} starts and computes 1 + 1.")
    found = f"{program} was started and did not compute 1 + 1 within {seconds:.0f} seconds."
    mend = "Close other programs and try again; a firewall must let this computer talk to itself."
    return Diagnosis("kernel", False, found, mend)


def _compute(manager, expression: str, seconds: float) -> str | None:
    """Value of an expression in a new kernel as text, None where no answer comes in time."""
    client = None
    try:
        manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        client = manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=seconds)
        reply = client.execute(
            "",
            user_expressions={"answer": expression},
            store_history=False,
            reply=True,
            timeout=seconds,
        )
        return reply["content"]["user_expressions"]["answer"]["data"]["text/plain"]
    except (OSError, RuntimeError, TimeoutError, KeyError):
        return None
    finally:
        if client is not None:
            client.stop_channels()
        if manager.has_kernel:
            manager.shutdown_kernel(now=True)


# Helpers


def this_platform() -> str:
    """System and processor in words, such as ``"macOS arm64"``."""
    system = {"Darwin": "macOS"}.get(platform.system(), platform.system())
    return f"{system} {platform.machine()}"


def gigabytes(count: int) -> str:
    """Bytes in words.

    Examples
    --------
    >>> gigabytes(3_500_000_000)
    '3.5 GB'
    """
    return f"{count / 1e9:.1f} GB"


def _pyproject(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


def _fingerprint(root: Path) -> str:
    """Digest of all that decides what an installation holds.

    The shared data of pyproject.toml is copied on installation, even an editable one, so a change
    in it counts too.
    """
    hatch = _pyproject(root).get("tool", {}).get("hatch", {})
    shared = hatch.get("build", {}).get("targets", {}).get("wheel", {}).get("shared-data", {})
    files = [root / "pyproject.toml", root / "constraints.txt"]
    for source in sorted(shared):
        files += sorted(path for path in (root / source).rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _parse_requirement(line: str) -> Requirement | None:
    """A requirement line of pyproject.toml, None where its marker excludes this platform."""
    text, _, marker = line.partition(";")
    match = re.fullmatch(r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*([^;@]*)", text.strip())
    if match is None:
        raise ValueError(f"The requirement {line!r} is not a name with a range of versions.")
    if not all(_applies(part.strip()) for part in marker.split(" and ") if part.strip()):
        return None
    return Requirement(match[1], match[2].replace(" ", ""))


def _applies(marker: str) -> bool:
    """Whether one comparison of a marker is true of this platform."""
    match = re.fullmatch(r"(sys_platform|platform_machine) *(==|!=) *['\"]([^'\"]*)['\"]", marker)
    if match is None:
        raise ValueError(f"The marker {marker!r} is neither about sys_platform nor the processor.")
    actual = sys.platform if match[1] == "sys_platform" else platform.machine()
    return (actual == match[3]) == (match[2] == "==")


def _may_apply(marker: str) -> bool:
    """Whether a marker of constraints.txt can be true here, as far as it is understood."""
    try:
        return all(_applies(part) for part in marker.split(" and ") if part)
    except ValueError:
        return True


def _holds(version: str, clause: str) -> bool:
    match = re.fullmatch(r"(>=|<=|==|!=|<|>)([^*]+)", clause)
    if match is None:
        raise ValueError(f"The range {clause!r} is not a comparison with one version.")
    left, right = _version_key(version), _version_key(match[2])
    return {
        ">=": left >= right,
        "<=": left <= right,
        "==": left == right,
        "!=": left != right,
        "<": left < right,
        ">": left > right,
    }[match[1]]


def _version_key(version: str) -> tuple:
    """Sort key of a version, in the order of the packaging standard.

    Examples
    --------
    >>> sorted(["2.0.1", "2", "2.0rc1", "2.0.dev1", "1.10", "1.9"], key=_version_key)
    ['1.9', '1.10', '2.0.dev1', '2.0rc1', '2', '2.0.1']
    """
    match = re.match(r"(\d+(?:\.\d+)*)[.-]?(?:(dev|a|b|rc|post)(\d+))?", version.strip())
    if match is None:
        return ((), 0, 0)
    numbers = [int(part) for part in match[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    phase = ("dev", "a", "b", "rc", None, "post").index(match[2])
    return (tuple(numbers), phase, int(match[3] or 0))


def _installed_version(name: str) -> str | None:
    import importlib.metadata

    try:
        return importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, KeyError):
        return None


def _is_installed_from(root: Path) -> bool:
    """Whether the running Python's installation of the course is an editable one of `root`."""
    import importlib.metadata
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        record = importlib.metadata.distribution(_pyproject(root)["project"]["name"])
        origin = json.loads(record.read_text("direct_url.json") or "{}")
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False
    if not origin.get("dir_info", {}).get("editable"):
        return False
    folder = Path(url2pathname(urlsplit(origin.get("url", "")).path))
    return folder.is_dir() and folder.samefile(root)


def _interpreter(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _is_running(folder: Path) -> bool:
    return folder.is_dir() and folder.samefile(sys.prefix)


def _starts(python: Path, *arguments: str) -> bool:
    """Whether an interpreter starts, and runs `arguments` where there are any."""
    command = [str(python), "-I", *(arguments or ("-S", "-c", ""))]
    silent = subprocess.DEVNULL
    try:
        done = subprocess.run(command, stdin=silent, stdout=silent, stderr=silent, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _wrap(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(
        text, width=98, subsequent_indent=" " * 6, break_long_words=False, break_on_hyphens=False
    )
