"""Grade a class: collect what was handed in, grade each submission once, keep every result.

Grading one submission is a pure function of its bytes and a seed (`grade_bytes`), so Dask may run
it anywhere and again; results are files, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import stat
import tempfile
import threading
import time
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from autograder import isolation, sandbox, submission
from autograder.card import points
from autograder.check import Verdict, refusal
from autograder.evidence import Raised, describe, printable
from autograder.judge import Court
from autograder.seed import secret_seed
from autograder.submission import MAX_NOTEBOOK_BYTES, SubmissionError
from course import __version__, syllabus

COLUMNS = ("student", "module", "check", "score", "max", "status", "findings")

#: Most files that one zip may hold, and most bytes of notebooks taken from it.
_MAX_ZIP_FILES = 20_000
_MAX_ZIP_BYTES = 4 << 30
#: How many folders below the one that is given notebooks are looked for.
_MAX_DEPTH = 20


@dataclass(frozen=True)
class Submission:
    """One notebook that was handed in.

    Attributes
    ----------
    student : who, from the folder's or file's name.
    file : where it came from, for reports.
    data : its bytes, empty when it could not be read.
    module : slug, empty when the notebook belongs to none of ours.
    status, reason : why it cannot be graded, else empty.
    """

    student: str
    file: str
    data: bytes
    module: str = ""
    status: str = ""
    reason: str = ""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


# --- collecting -------------------------------------------------------------------------------


def collect(paths: Iterable[Path], *, module: str | None = None) -> list[Submission]:
    """Everything that was handed in, one submission for each student and module.

    Parameters
    ----------
    paths : folders of ``student/…ipynb``, zip files of the same, or single notebooks. A notebook
        that lies in no student's folder belongs to the student that its name names.
    module : slug, when the notebooks do not say.

    Returns
    -------
    list of Submission
        Ordered by student and module. What cannot be graded is there too, with the reason.

    Raises
    ------
    FileNotFoundError
        When a path does not exist.
    """
    if module is not None:
        syllabus.find(module)
    found: list[Submission] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"There is no file or folder {path}.")
        if path.is_dir():
            found += _from_folder(path)
        elif path.suffix != ".ipynb" and zipfile.is_zipfile(path):
            found += _from_zip(path)
        else:
            # A single file: the folder that it lies in names the student, unless the file does.
            found.append(_from_file(path, PurePosixPath(path.absolute().parent.name, path.name)))
    return _one_each([_with_module(item, module) for item in found])


def _from_folder(folder: Path) -> Iterator[Submission]:
    for parent, folders, files in os.walk(folder, followlinks=False):
        deep = len(Path(parent).relative_to(folder).parts) >= _MAX_DEPTH
        folders[:] = sorted(name for name in folders if not (deep or name.startswith(".")))
        for name in sorted(files):
            if name.endswith(".ipynb") and not name.startswith("."):
                path = Path(parent, name)
                yield _from_file(path, PurePosixPath(path.relative_to(folder).as_posix()))


def _from_file(path: Path, inner: PurePosixPath) -> Submission:
    student, file = _student(inner), str(inner)
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            return _unreadable(student, file, "It is not a regular file.")
        if status.st_size > MAX_NOTEBOOK_BYTES:
            return _unreadable(student, file, _too_large(status.st_size))
        return Submission(student, file, path.read_bytes())
    except OSError as error:
        return _unreadable(student, file, f"It cannot be read ({error.strerror}).")


def _from_zip(path: Path) -> Iterator[Submission]:
    # Nothing is unpacked to disk: names such as ../../gradebook.db are only names here.
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # zipfile raises many kinds for a broken archive
        yield _unreadable(path.stem, path.name, f"It is a damaged zip ({_said(error)}).")
        return
    with archive:
        members = archive.infolist()
        if len(members) > _MAX_ZIP_FILES:
            most = f"It holds {len(members):,} files, the limit is {_MAX_ZIP_FILES:,}."
            yield _unreadable(path.stem, path.name, most)
            return
        taken = 0
        for member in members:
            inner = PurePosixPath(member.filename.replace("\\", "/"))
            parts = [part for part in inner.parts if part not in ("/", "..")]
            if not parts or not parts[-1].endswith(".ipynb") or parts[-1].startswith("."):
                continue
            if any(part.startswith(("__MACOSX", ".")) for part in parts):
                continue
            student, file = _student(PurePosixPath(*parts)), member.filename
            if stat.S_ISLNK(member.external_attr >> 16):
                yield _unreadable(student, file, "It is a link, not a notebook.")
            elif ".." in inner.parts or inner.is_absolute():
                yield _unreadable(student, file, "Its name in the zip points outside the zip.")
            elif member.file_size > MAX_NOTEBOOK_BYTES:
                yield _unreadable(student, file, _too_large(member.file_size))
            elif taken > _MAX_ZIP_BYTES:
                yield _unreadable(student, file, "The zip's notebooks are too large together.")
            else:
                item = _from_member(archive, member, student)
                taken += len(item.data)
                yield item


def _from_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, student: str) -> Submission:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile unpacks these in one go, and a megabyte of bzip2 may hold ten gigabytes.
        return _unreadable(student, member.filename, "Its compression is not zip's usual one.")
    try:
        with archive.open(member) as stream:
            # The declared size may be a lie: read no further than the limit.
            data = stream.read(MAX_NOTEBOOK_BYTES + 1)
    except Exception as error:  # zipfile raises many kinds for a broken or encrypted member
        return _unreadable(student, member.filename, f"It cannot be unpacked ({_said(error)}).")
    if len(data) > MAX_NOTEBOOK_BYTES:
        return _unreadable(student, member.filename, _too_large(len(data)))
    return Submission(student, member.filename, data)


def _student(inner: PurePosixPath) -> str:
    name = inner.parts[0] if len(inner.parts) > 1 else inner.stem
    if len(inner.parts) == 1:
        for module in syllabus.modules():
            name = name.replace(module.slug, "")
        name = name.strip(" _-.") or inner.stem
    name = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in name)
    return " ".join(name.split())[:100] or "unnamed"


def _said(error: BaseException) -> str:
    return describe(Raised.from_exception(error))


def _unreadable(student: str, file: str, reason: str) -> Submission:
    return Submission(student, file, b"", "", "unreadable", reason)


def _too_large(size: int) -> str:
    limit = MAX_NOTEBOOK_BYTES / 1e6
    return f"It is {size / 1e6:.0f} MB, the limit is {limit:.0f} MB. Clear its outputs and save it."


def _with_module(item: Submission, module: str | None) -> Submission:
    """The submission with its module, or with the reason why it has none."""
    if item.status:
        return Submission(item.student, item.file, b"", module or "", item.status, item.reason)
    name = Path(PurePosixPath(item.file.replace("\\", "/")).name)
    try:
        record = submission.parse(item.data, name.name)
    except SubmissionError as error:
        guessed = module or _module_of_name(name)
        return Submission(item.student, item.file, item.data, guessed, "unreadable", str(error))
    try:
        slug = module or submission.module_of(record, name)
    except SubmissionError as error:
        return Submission(item.student, item.file, item.data, "", "unknown module", str(error))
    return Submission(item.student, item.file, item.data, slug)


def _module_of_name(name: Path) -> str:
    return next((each.slug for each in syllabus.modules() if each.slug in name.stem), "")


def _one_each(items: list[Submission]) -> list[Submission]:
    """One graded file for each student and module; the others say which one was taken."""
    taken: dict[tuple[str, str], Submission] = {}
    result: list[Submission] = []

    def rank(item: Submission) -> tuple:
        # Readable files first, then the name that we gave, then the shortest path.
        stem = PurePosixPath(item.file).stem
        return (bool(item.status), stem != item.module, len(item.file), item.file)

    for item in sorted(items, key=rank):
        other = taken.get((item.student, item.module))
        if item.module and other is not None:
            reason = f"{other.file} was graded instead."
            item = Submission(item.student, item.file, item.data, item.module, "not graded", reason)
        elif item.module:
            taken[item.student, item.module] = item
        result.append(item)
    return sorted(result, key=lambda item: (item.student, item.module, item.status, item.file))


# --- grading ----------------------------------------------------------------------------------


def grade_bytes(
    item: Submission,
    seed: int,
    *,
    limits: sandbox.Limits | None = None,
    court: Court | None = None,
) -> dict[str, Any]:
    """Grade one submission: pure, so that it may run on any worker and any number of times.

    Parameters
    ----------
    item : from `collect`.
    seed : the grader's secret seed.
    limits, court : see `autograder.submission.grade`.

    Returns
    -------
    dict
        The record of this submission, plain JSON: student, module, file, digest, key, status
        (``graded``, ``stopped``, ``unreadable``, ``unknown module``, ``not graded``; `grade_all`
        adds ``failed``), reason, isolation, seconds, peak_bytes, notes, and a verdict for each
        check with its title, score and findings. It holds no hidden inputs.
    """
    started = time.monotonic()
    record: dict[str, Any] = {
        "student": item.student,
        "module": item.module,
        "file": printable(item.file),
        "digest": item.digest,
        "key": key(item, seed),
        "status": item.status,
        "reason": printable(item.reason),
        "isolation": isolation.describe(),
        "peak_bytes": None,
        "notes": [],
    }
    verdicts: list[Verdict] = []
    if not item.status:
        with tempfile.TemporaryDirectory(prefix="course-class-") as folder:
            path = Path(folder, "submission.ipynb")
            path.write_bytes(item.data)
            try:
                graded = submission.grade(
                    path, module=item.module, seed=seed, limits=limits, court=court
                )
            except SubmissionError as error:
                record |= {"status": "unreadable", "reason": str(error)}
            else:
                verdicts = list(graded.verdicts)
                record |= {
                    "status": "graded" if graded.finished else "stopped",
                    "reason": "" if graded.finished else graded.ending,
                    "peak_bytes": graded.peak_bytes,
                    "notes": list(graded.notes),
                }
    if not verdicts and item.module:
        finding = refusal(record["reason"], "Hand in the notebook of this module, saved once more.")
        checks = syllabus.find(item.module).checks
        verdicts = [Verdict(check.name, check.points, (finding,)) for check in checks]
    titles = {check.name: check.title for check in _checks(item.module)}
    record["verdicts"] = [_public(verdict, titles) for verdict in verdicts]
    record["seconds"] = round(time.monotonic() - started, 2)
    return record


def _checks(slug: str) -> Sequence[syllabus.CheckInfo]:
    return syllabus.find(slug).checks if slug else ()


def _public(verdict: Verdict, titles: dict[str, str]) -> dict[str, Any]:
    record = verdict.to_json() | {"score": verdict.score}
    for finding in record["findings"]:
        # An example shows hidden inputs; whoever hands in again must not have seen them.
        del finding["example"]
    return record | {"title": titles.get(verdict.check, verdict.check)}


def key(item: Submission, seed: int) -> str:
    """What a result depends on, as one hash: who, what they handed in, our module, the seed."""
    digest = hashlib.sha256()
    parts = [
        item.student,
        item.module,
        item.digest,
        item.status,
        item.reason,
        str(seed),
        __version__,
    ]
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    if item.module:
        folder = syllabus.find(item.module).folder
        for name in (f"{item.module}.py", "checks.py"):
            digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def grade_all(
    items: Sequence[Submission],
    seed: int,
    *,
    results: Path,
    scheduler: str | None = None,
    workers: int | None = None,
    on_record: Callable[[dict[str, Any], bytes], None] | None = None,
) -> list[dict[str, Any]]:
    """Grade what is not graded yet, in parallel; returns every record, in order.

    Parameters
    ----------
    items : from `collect`.
    seed : the grader's secret seed.
    results : folder for one file a result. What lies there already is not graded again, so a run
        that was stopped (Ctrl-C, a crash, a power cut) goes on where it was.
    scheduler : address of a running Dask scheduler, such as ``tcp://10.0.0.5:8786``, whose workers
        have this same course installed; a cluster of this machine's cores when omitted.
    workers : number of local workers; one a core when omitted.
    on_record : called once for each record with the submission's bytes, in this process.
    """
    results.mkdir(parents=True, exist_ok=True)
    done: dict[str, dict[str, Any]] = {}
    waiting: dict[str, Submission] = {}
    keys = [key(item, seed) for item in items]

    def finish(record: dict[str, Any]) -> None:
        done[record["key"]] = record
        if on_record is not None:
            on_record(record, by_key[record["key"]].data)

    by_key = dict(zip(keys, items, strict=True))
    for name, item in by_key.items():
        kept = _read_result(results / f"{name}.json", name)
        if kept is not None:
            finish(kept)
        elif item.status:
            finish(_save(results, grade_bytes(item, seed)))
        else:
            waiting[name] = item
    if waiting:
        for name, result in _in_parallel(waiting, seed, scheduler, workers):
            if isinstance(result, dict):
                finish(_save(results, result))
                continue
            # One submission must not end a class's grading. Not kept: the next run tries again.
            reason = f"The grader failed on it ({_said(result)}). Report that, and grade again."
            failed = replace(by_key[name], status="failed", reason=reason)
            finish(grade_bytes(failed, seed) | {"key": name})
    return [done[name] for name in keys]


def _in_parallel(
    waiting: dict[str, Submission], seed: int, scheduler: str | None, workers: int | None
) -> Iterator[tuple[str, dict[str, Any] | Exception]]:
    """Key and record as they are done. A killed worker's submission goes to another one."""
    import dask
    from distributed import Client, LocalCluster, as_completed

    # One submission cannot make a worker die: it runs in a sandbox of its own. Workers that die
    # were killed from outside, and may be again.
    with (
        contextlib.ExitStack() as stack,
        dask.config.set(
            {"distributed.scheduler.allowed-failures": 20, "distributed.worker.daemon": False}
        ),
    ):
        if scheduler is None:
            cluster = LocalCluster(
                n_workers=workers or os.cpu_count() or 1,
                threads_per_worker=1,
                memory_limit=0,
                dashboard_address="127.0.0.1:0",  # any free port: no warning about 8787
                silence_logs=50,
            )
            stack.enter_context(cluster)
            scheduler = cluster.scheduler_address
        client = stack.enter_context(Client(scheduler))
        futures = {
            client.submit(_grade_one, item, seed, key=f"grade-{name}", pure=False, retries=3): name
            for name, item in waiting.items()
        }
        for future in as_completed(list(futures)):
            yield futures[future], future.exception() or future.result()
            future.release()
        client.run(_dismiss_judges, on_error="ignore")


def _grade_one(item: Submission, seed: int) -> dict[str, Any]:
    """`grade_bytes` in a worker, with a judge that stays until `_dismiss_judges`."""
    if not Court.possible():
        return grade_bytes(item, seed)
    thread = threading.get_ident()
    with _locks.setdefault(thread, threading.Lock()):
        if thread not in _courts:
            _courts[thread] = Court()
        return grade_bytes(item, seed, court=_courts[thread])


def _dismiss_judges() -> None:
    for thread, lock in list(_locks.items()):
        with lock:  # another class may be graded on the same cluster
            if thread in _courts:
                _courts.pop(thread).close()


#: The judge of each thread of this worker, and what whoever uses or ends it holds meanwhile.
_courts: dict[int, Court] = {}
_locks: dict[int, threading.Lock] = {}


def _save(results: Path, record: dict[str, Any]) -> dict[str, Any]:
    _write(results / f"{record['key']}.json", json.dumps(record, ensure_ascii=False))
    return record


def _read_result(path: Path, name: str) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("key") == name else None


def grade_class(
    items: Sequence[Submission],
    *,
    seed: int | None,
    out: Path,
    json_out: Path | None = None,
    html: Path | None = None,
    course: Path | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    on_record: Callable[[], None] = lambda: None,
) -> str:
    """Grade a class and write the table, the reports and the gradebook.

    Parameters
    ----------
    items : from `collect`.
    seed : what hidden inputs are drawn from; the grader's own secret when None.
    out : the CSV file. Results are kept beside it in a folder of the same name, so that the next
        run grades only what is new.
    json_out, html : further reports.
    course : nbgrader course folder whose gradebook gets scores and feedback; None for none.
    scheduler, workers : see `grade_all`.
    on_record : called after each record, to draw progress.

    Returns
    -------
    str
        What was done, in a few lines.
    """
    seed = secret_seed() if seed is None else seed
    out.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        gradebook = None
        if course is not None:
            from autograder.gradebook import Gradebook

            gradebook = stack.enter_context(Gradebook(course))

        def finish(record: dict[str, Any], data: bytes) -> None:
            if gradebook is not None and record["status"] != "failed":  # our fault: no zero for it
                gradebook.write(record, data)
            on_record()

        records = grade_all(
            items, seed, results=out.with_suffix(".graded"), scheduler=scheduler, workers=workers,
            on_record=finish,
        )  # fmt: skip
    _write(out, to_csv(records))
    lines = [f"{out}: {_counted(records)}"]
    if json_out is not None:
        _write(json_out, json.dumps(records, indent=1, ensure_ascii=False))
        lines.append(f"{json_out}: every finding")
    if html is not None:
        from autograder.report import write_report

        lines.append(f"{write_report(records, html)}: item analysis, and a page for each learner")
    if course is not None:
        lines.append(f"{course}: nbgrader's gradebook")
    protections = sorted({record["isolation"] for record in records})
    lines += [f"Protection: {protection}" for protection in protections]
    return "\n".join(lines)


def _counted(records: Sequence[dict[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for record in records:
        counts[record["status"]] = counts.get(record["status"], 0) + 1
    return f"{len(records)} submissions, " + ", ".join(f"{n} {name}" for name, n in counts.items())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, "utf-8", errors="replace", newline="")
    os.replace(part, path)


# --- tables -----------------------------------------------------------------------------------


def rows(records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One row a check for the table; a submission without a module has one row that says why."""
    for record in records:
        base = {
            "student": record["student"],
            "module": record["module"],
            "status": record["status"],
        }
        if not record["verdicts"]:
            yield base | {"check": "", "score": "0", "max": "0", "findings": record["reason"]}
        for verdict in record["verdicts"]:
            yield base | {
                "check": verdict["check"],
                "score": points(verdict["score"]),
                "max": points(verdict["points"]),
                "findings": " | ".join(_sentence(finding) for finding in verdict["findings"]),
            }


def _sentence(finding: dict[str, Any]) -> str:
    figures = ", needs ".join(part for part in (finding["got"], finding["needed"]) if part)
    parts = [
        f"{finding['title']}: {figures}." if figures else f"{finding['title']}.",
        finding["detail"],
    ]
    return ("[x] " if finding["holds"] else "[ ] ") + " ".join(part for part in parts if part)


def to_csv(records: Iterable[dict[str, Any]]) -> str:
    """The table as CSV text; no cell can be taken for a formula by a spreadsheet."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows(records):
        writer.writerow({name: _harmless(value) for name, value in row.items()})
    return out.getvalue()


def _harmless(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    value = " ".join(value.splitlines()).strip()
    return "'" + value if value.startswith(("=", "+", "-", "@")) else value
