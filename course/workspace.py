"""The learner's own copies and progress: never overwritten, never lost.

A workspace is a folder that belongs to the learner, ``~/on-device`` unless they
say otherwise. It holds a copy of each module's notebook, and ``.course/`` with
two records of ours: ``shipped.json`` (what was laid down, so that an upgrade
knows an untouched notebook from one that somebody worked in) and
``progress.sqlite`` (every attempt at a check). Both may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from course import syllabus

__all__ = [
    "Change",
    "Progress",
    "ProgressError",
    "WorkspaceError",
    "default_path",
    "find",
    "location",
    "prepare",
    "record_attempt",
]

_Result = TypeVar("_Result")

_VARIABLE = "COURSE_WORKSPACE"
_RECORDS = ".course"


class WorkspaceError(Exception):
    """The workspace cannot be written; the message says why and what to do."""


class ProgressError(Exception):
    """Progress cannot be read or saved; the message says why and what to do."""


# --- where it is ---------------------------------------------------------------------------


def default_path() -> Path:
    """Return ``$COURSE_WORKSPACE``, or ``~/on-device`` where that is not set."""
    chosen = os.environ.get(_VARIABLE)
    return Path(chosen or "~/on-device").expanduser().absolute()


def find(start: Path | None = None) -> Path | None:
    """Return the workspace around `start`, else ``$COURSE_WORKSPACE``, else None.

    Parameters
    ----------
    start
        Folder to walk up from; the current folder by default.
    """
    try:
        start = Path.cwd() if start is None else Path(start).absolute()
    except FileNotFoundError:  # the current folder was deleted under us
        start = None
    if start is not None:
        for folder in (start, *start.parents):
            if (folder / _RECORDS).is_dir():
                return folder
    return default_path() if os.environ.get(_VARIABLE) else None


def location(module: syllabus.Module) -> PurePosixPath:
    """Return where the notebook of `module` lies in a workspace, relative to it."""
    return _folder_of(module) / module.notebook.name


def _folder_of(module: syllabus.Module) -> PurePosixPath:
    folder = PurePosixPath(module.folder.name)
    return folder if module.number else "labs" / folder


# --- laying down notebooks -----------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """Something that `prepare` did or met.

    Attributes
    ----------
    kind
        ``"new"`` (laid down), ``"renewed"`` (an untouched file replaced by its
        new version), ``"beside"`` (a new version laid beside the learner's own
        file), ``"kept"`` (the same, and that version lay there already) or
        ``"records"`` (our own records were damaged and begun anew).
    path
        The file, relative to the workspace.
    sentence
        The same for people.
    """

    kind: str
    path: PurePosixPath
    sentence: str


def prepare(path: Path, *, root: Path | None = None) -> list[Change]:
    """Bring the workspace at `path` up to date without touching the learner's work.

    A missing file is laid down. A file that still is what was shipped (for a
    notebook: the same cell sources; outputs and ids do not count) is renewed. A
    file that somebody changed stays, and the new version is laid beside it, once,
    as ``name (new version).ipynb``. The files of a module are its notebook and
    what lies in its ``files/`` folder. When all is up to date nothing is written.

    Parameters
    ----------
    path
        The workspace; made if it does not exist.
    root
        Folder that holds ``modules`` and ``labs``; the checkout by default.

    Returns
    -------
    list of Change
        What was done, in the order of the course; empty if nothing was.

    Raises
    ------
    WorkspaceError
        If something cannot be written. What was done before that stays done, and
        the next call goes on from there.
    """
    path = Path(path).expanduser().absolute()
    try:
        (path / _RECORDS).mkdir(parents=True, exist_ok=True)
        shipped, changes = _read_shipped(path)
        before = json.dumps(shipped)
        try:
            for module in (*syllabus.modules(root=root), *syllabus.labs(root=root)):
                for source, relative in _files_of(module):
                    versions = shipped.setdefault(str(relative), [])
                    changes += _lay(source, path, relative, versions)
        finally:
            if json.dumps(shipped) != before:
                text = json.dumps(shipped, indent=1, sort_keys=True)
                _write(path / _RECORDS / "shipped.json", text.encode())
    except OSError as error:
        raise WorkspaceError(
            f"The workspace {path} cannot be written ({_reason(error)}). Free the disk or mend the "
            "folder's permissions, or choose another folder with --workspace FOLDER."
        ) from error
    return changes


def _files_of(module: syllabus.Module) -> Iterator[tuple[Path, PurePosixPath]]:
    """Yield each file for learners with its place in the workspace."""
    yield module.notebook, location(module)
    extras = module.folder / "files"
    for source in sorted(extras.rglob("*")):
        inner = source.relative_to(extras)
        if source.is_file() and not any(part.startswith(".") for part in inner.parts):
            yield source, _folder_of(module) / "files" / inner.as_posix()


def _lay(source: Path, path: Path, relative: PurePosixPath, versions: list[str]) -> list[Change]:
    """Bring one file up to date; `versions` lists what was shipped, the latest last."""
    content = source.read_bytes()
    wanted = _fingerprint(source.name, content)
    latest = versions[-1] if versions else None
    mine = path / relative
    state, present = _present(mine)

    if state == "missing":
        _write(mine, content)
        _remember(versions, wanted)
        return [Change("new", relative, f"{relative} is new.")]
    if present == wanted:
        _remember(versions, wanted)
        return []
    if present in versions:
        _write(mine, content)
        _remember(versions, wanted)
        return [Change("renewed", relative, f"{relative} was renewed; you had not changed it.")]

    # From here on the file is the learner's, and stays.
    if state == "unreadable":
        reason = f"{relative} cannot be read and was kept as it is"
        said_before = latest == wanted and _present(path / next(_beside(relative)))[0] != "missing"
    else:
        reason = f"{relative} holds your own work and was kept"
        said_before = latest == wanted
    if said_before:
        return []
    for spare in _beside(relative):
        state, present = _present(path / spare)
        if state == "missing" or present in versions or present == wanted:
            break
    _remember(versions, wanted)
    if present == wanted:
        return [Change("kept", relative, f"{reason}; the new version lies in {spare.name!r}.")]
    _write(path / spare, content)
    return [Change("beside", spare, f"{reason}; the new version lies beside it, {spare.name!r}.")]


def _present(file: Path) -> tuple[str, str | None]:
    """Return ``"missing"``, ``"known"`` with its fingerprint, or ``"unreadable"``."""
    if not os.path.lexists(file):
        return "missing", None
    try:
        return "known", _fingerprint(file.name, file.read_bytes())
    except (OSError, ValueError):
        return "unreadable", None


def _fingerprint(name: str, content: bytes) -> str:
    """Return a hash of a notebook's cell sources, or of another file's bytes.

    Raises
    ------
    ValueError
        If a notebook is none.
    """
    if name.endswith(".ipynb"):
        try:
            cells = json.loads(content)["cells"]
            sources = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
        except (KeyError, TypeError) as error:
            raise ValueError(f"{name} is not a notebook") from error
        content = json.dumps(sources).encode()
    return hashlib.sha256(content).hexdigest()


def _beside(relative: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield names for a new version beside a file that stays."""
    yield relative.with_name(f"{relative.stem} (new version){relative.suffix}")
    for number in itertools.count(2):
        yield relative.with_name(f"{relative.stem} (new version {number}){relative.suffix}")


def _remember(versions: list[str], wanted: str) -> None:
    if wanted in versions:
        versions.remove(wanted)
    versions.append(wanted)


def _read_shipped(path: Path) -> tuple[dict[str, list[str]], list[Change]]:
    """Return fingerprints shipped per file, begun anew if the record is damaged."""
    relative = PurePosixPath(_RECORDS, "shipped.json")
    try:
        shipped = json.loads((path / relative).read_bytes())
        if not isinstance(shipped, dict) or not all(
            isinstance(versions, list) and all(isinstance(version, str) for version in versions)
            for versions in shipped.values()
        ):
            raise ValueError("not a record of versions")
    except FileNotFoundError:
        return {}, []
    except ValueError:
        sentence = (
            "The record of what was shipped was damaged and begun anew; "
            "notebooks that differ from today's are taken for your own work and kept."
        )
        return {}, [Change("records", relative, sentence)]
    return shipped, []


def _write(file: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


# --- progress ------------------------------------------------------------------------------

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,           -- seconds since 1970, UTC
    module TEXT NOT NULL,
    "check" TEXT NOT NULL,
    score REAL NOT NULL,
    max_score REAL NOT NULL
)
"""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Progress:
    """Every attempt at every check, in ``.course/progress.sqlite`` of a workspace.

    Several kernels may record at once. The best attempt at a check is kept as a
    fraction of its points, so that a later change of points takes nothing away.
    A damaged database is moved aside and a new one begun.

    Parameters
    ----------
    path
        The workspace.
    timeout
        Seconds to wait for another process that is writing.
    """

    def __init__(self, path: Path, *, timeout: float = 10.0) -> None:
        self.file = Path(path) / _RECORDS / "progress.sqlite"
        self._timeout = timeout

    def record(self, module: str, check: str, score: float, max_score: float) -> None:
        """Add an attempt.

        Raises
        ------
        ValueError
            If the score is not between 0 and a positive `max_score`.
        ProgressError
            If it cannot be saved.
        """
        score, max_score = float(score), float(max_score)
        if not (math.isfinite(max_score) and 0 <= score <= max_score and max_score > 0):
            raise ValueError(f"A score lies between 0 and the points, not {score} of {max_score}.")

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute(
                'INSERT INTO attempts (at, module, "check", score, max_score)'
                " VALUES (?, ?, ?, ?, ?)",
                (time.time(), module, check, score, max_score),
            )

        self._run(insert, write=True)

    def best(self) -> dict[str, dict[str, float]]:
        """Return the best fraction, 0 to 1, of each check tried, by module and check.

        Raises
        ------
        ProgressError
            If it cannot be read.
        """
        if not self.file.exists():
            return {}

        def select(connection: sqlite3.Connection) -> list[tuple[str, str, float]]:
            # What a record cannot have written is passed over: a file cut short reads as zeros.
            return connection.execute(
                'SELECT module, "check", MAX(score / max_score) FROM attempts'
                " WHERE typeof(module) = 'text' AND typeof(\"check\") = 'text'"
                " AND max_score > 0 AND score BETWEEN 0 AND max_score"
                ' GROUP BY module, "check" ORDER BY MIN(id)'
            ).fetchall()

        best: dict[str, dict[str, float]] = {}
        for module, check, fraction in self._run(select, write=False):
            best.setdefault(module, {})[check] = fraction
        return best

    def _run(
        self, action: Callable[[sqlite3.Connection], _Result], *, write: bool, again: bool = True
    ) -> _Result:
        """Open, act, close; begin a new database once if this one is damaged."""
        try:
            if write:
                self.file.parent.mkdir(exist_ok=True)
            with self._connect() as connection:
                return action(connection)
        except OSError as error:
            raise self._trouble(_reason(error)) from error
        except sqlite3.Error as error:
            if not (again and _is_damage(error)):
                raise self._trouble(str(error)) from error
        self._set_aside()
        return self._run(action, write=write, again=False)

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.file, timeout=self._timeout, isolation_level=None)
        try:
            if self._version(connection) == 0:
                connection.execute("BEGIN IMMEDIATE")
                if self._version(connection) == 0:  # another process may have been faster
                    connection.execute(_SCHEMA)
                    connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
                connection.execute("COMMIT")
            yield connection
        finally:
            connection.close()

    def _version(self, connection: sqlite3.Connection) -> int:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > _SCHEMA_VERSION:
            raise ProgressError(
                f"{self.file} was written by a newer version of the course and was left as it is. "
                "Upgrade the course to see and save progress."
            )
        return version

    def _set_aside(self) -> None:
        """Move a damaged database away, unless another process has done so already."""
        try:
            with self._alone():
                try:
                    with self._connect() as connection:
                        connection.execute("PRAGMA schema_version").fetchone()
                        healthy = connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
                except sqlite3.Error as error:
                    healthy = not _is_damage(error)
                if healthy:
                    return
                stem = f"progress (damaged {time.strftime('%Y-%m-%d %H%M%S')})"
                aside = self.file.with_name(f"{stem}.sqlite")
                if aside.exists():
                    aside = self.file.with_name(f"{stem} {secrets.token_hex(2)}.sqlite")
                # The journal first: SQLite would play a left-over one into the new database.
                for suffix in ("-journal", ""):
                    part = self.file.with_name(self.file.name + suffix)
                    if part.exists():
                        os.replace(part, aside.with_name(aside.name + suffix))
        except (OSError, sqlite3.Error) as error:
            raise self._trouble(f"it is damaged and cannot be moved aside: {error}") from error

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold a lock between processes; SQLite's own works on every system and frees itself."""
        lock = sqlite3.connect(
            self.file.with_name("repair.lock"), timeout=self._timeout, isolation_level=None
        )
        try:
            lock.execute("BEGIN EXCLUSIVE")
            yield
        finally:
            lock.close()

    def _trouble(self, reason: str) -> ProgressError:
        return ProgressError(f"Progress in {self.file} cannot be used ({reason}).")


def _is_damage(error: sqlite3.Error) -> bool:
    # The low byte is the primary code: https://www.sqlite.org/rescode.html
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def record_attempt(module: str, check: str, score: float, max_score: float) -> str | None:
    """Save an attempt in the workspace around the current folder; never raises.

    Returns
    -------
    str or None
        A sentence for the learner if it could not be saved.
    """
    try:
        path = find()
        if path is None:
            return (
                "This attempt was not saved: the notebook does not lie in a course workspace. "
                "`python3 -m course start` makes one."
            )
        Progress(path).record(module, check, score, max_score)
    except Exception as error:  # progress is never required for anything to work
        return f"This attempt was not saved. {error}"
    return None
