"""A range for attacks: real submissions, graded as a class's are, with something to steal nearby.

Every attack is bounded (a few hundred processes, a few seconds, loopback only), so that a hole in
the sandbox cannot hurt the machine that finds it. What must hold after any of them is checked in
`Range.look_around`, so that each test says only what is special about its attack.
"""

import contextlib
import hashlib
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

import autograder
from autograder import build, cells, grading
from autograder.sandbox import Limits
from course import syllabus

#: What hidden inputs are drawn from; attackers look for it.
SEED = 7_218_394_056_172_839_405
#: Words that stand only where no submission may look.
ENVIRONMENT, GRADEBOOK, COLLEAGUE = "env-9f31c6a2", "book-51be07d4", "ada-c2e8830b"

ALL = {"zero_point": 3, "thresholds": 2, "size": 1}
NONE = dict.fromkeys(ALL, 0)
#: Answers to the toy that earn every point.
RIGHT = {
    "zero-point": "def zero_point(low, scale):\n    return round(-128 - low / scale)",
    "thresholds": "best = (2.5, 6.5)",
    "size": "choice = 'b'",
}

HEAD = """\
# ---
# jupyter:
#   course:
#     title: {slug}
#     slug: {slug}
#     minutes: 5
#     headless_seconds: 5
#     objectives: []
#     needs: []
#     builds: []
# ---

# %%
from autograder import open_checks

check = open_checks("{slug}")
"""
TASK = """
# %% task="{name}"
{name} = None
### BEGIN SOLUTION
{name} = {answer}
### END SOLUTION

# %% check="{name}"
check.{name}({name})
"""

#: Many equal checks, so that one run tries many forgeries: double three hidden numbers, twice.
FIELD = """\
from autograder import Calls, Check, Inputs, require


def base():
    class Double(Check):
        evidence = Calls()

        def inputs(self, rng):
            return Inputs([(rng.normal(size=3),) for _ in range(2)])

        def judge(self, inputs, outputs):
            right = [2 * values for values, in inputs.calls]
            yield require.equal(outputs, right, title="Doubles", next="Multiply by two.")

    return Double


for number in range({count}):
    name = f"Place{{number:02d}}"
    globals()[name] = type(name, (base(),), {{"__doc__": f"Place {{number}}."}})
"""
#: The same with models, which crash their readers, and folders.
ZOO = """\
from autograder import Check, Folder, Inputs, Model, require


def base():
    class Sum(Check):
        evidence = Model(max_bytes=1 << 20)
        seconds = 20

        def inputs(self, rng):
            return Inputs(key=rng.normal(size=(4, 2)).astype("float32"))

        def judge(self, inputs, outputs):
            right = [row.sum(keepdims=True) for row in inputs.key]
            got = list(outputs.run(inputs.key))
            yield require.close(got, right, tolerance=1e-3, title="Sums", next="Add them.")

    return Sum


def page():
    class Site(Check):
        evidence = Folder(max_bytes=1 << 20)

        def judge(self, inputs, outputs):
            text = (outputs / "index.html").read_text("utf-8")
            yield require.holds("hello" in text, title="Page", next="Greet.")

    return Site


for kind, make, count in (("Cage", base, {cages}), ("Site", page, {sites})):
    for number in range(count):
        name = f"{{kind}}{{number:02d}}"
        globals()[name] = type(name, (make(),), {{"__doc__": f"{{kind}} {{number}}."}})
"""
FIELD_SIZE, ZOO_SIZE, SITES = 48, 26, 13


def code(text):
    """A cell that a learner added."""
    return nbformat.v4.new_code_cell(text)


def say(expression):
    """A cell whose note tells the test what the attack saw; 300 characters come through."""
    return code(f"raise Exception('saw ' + repr({expression}))")


def notebook(path, view="learner"):
    """One view of a module as a learner has it, as a dict."""
    return json.loads(build.text(cells.read(path), view))


def place(record, cell_id):
    """The cell with this id."""
    return next(cell for cell in record["cells"] if cell["id"] == cell_id)


def points(record):
    """Points by check."""
    return {verdict["check"]: verdict["score"] for verdict in record["verdicts"]}


def why(record, check):
    """All that is said about one check, on one line."""
    verdict = next(each for each in record["verdicts"] if each["check"] == check)
    return " | ".join(
        f"{each['title']} {each['got']} {each['needed']} {each['detail']}"
        for each in verdict["findings"]
    )


def notes(record):
    return "\n".join(record["notes"])


@dataclass
class Range:
    """A place where submissions are graded, with treasure around it.

    Attributes
    ----------
    course : the checkout of the small course.
    folder : holds ``submitted``, ``scratch`` (the grader's temporary folder) and ``treasure``.
    """

    course: Path
    folder: Path

    def __post_init__(self):
        for name in ("submitted", "scratch", "treasure", "treasure/ada", "home"):
            (self.folder / name).mkdir(parents=True)
        treasure = self.folder / "treasure"
        (treasure / "gradebook.db").write_text(f"{GRADEBOOK}\n")
        (treasure / "ada" / "toy.ipynb").write_text(json.dumps({"cells": [COLLEAGUE]}))
        (treasure / "grader_seed").write_text(f"{SEED}\n")
        (treasure / "grader_seed").chmod(0o600)
        self._before = self._treasure()

    def _treasure(self):
        files = sorted(path for path in (self.folder / "treasure").rglob("*"))
        return {
            str(path): (path.lstat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest())
            for path in files
            if path.is_file()
        }

    @contextlib.contextmanager
    def around(self):
        """The grader's surroundings: its course, its environment, its temporary folder."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(syllabus, "_ROOT", self.course)
            patch.setattr(tempfile, "tempdir", str(self.folder / "scratch"))
            patch.setenv("PYTHONPATH", str(Path(autograder.__file__).parents[1]))
            patch.setenv("AWS_SECRET_ACCESS_KEY", ENVIRONMENT)
            patch.setenv("COURSE_GRADER_SEED_FILE", str(self.folder / "treasure" / "grader_seed"))
            for name in ("COURSE_WORKSPACE", "COURSE_INPUTS", "COURSE_EVIDENCE", "TMPDIR"):
                patch.delenv(name, raising=False)
            yield

    def collect(self, *paths, module=None):
        """Submissions of these files, folders and zips."""
        with self.around():
            return grading.collect(paths, module=module)

    def grade(self, item, **limits):
        """The record of one submission, and a look around."""
        with self.around():
            record = grading.grade_bytes(
                item, SEED, limits=Limits(**{"wall_seconds": 60, **limits})
            )
        self.look_around(record)
        return record

    def hand_in(self, record, *added, student="eve", name=None, **limits):
        """Grade a notebook, given as a dict, bytes or a path of the file to link to."""
        if added:
            record = record | {"cells": [*record["cells"], *added]}
        folder = self.folder / "submitted" / student
        folder.mkdir(exist_ok=True)
        slug = record["metadata"]["course"]["slug"] if isinstance(record, dict) else "toy"
        file = folder / (name or f"{slug}.ipynb")
        file.write_bytes(record if isinstance(record, bytes) else json.dumps(record).encode())
        (item,) = self.collect(folder.parent)
        file.unlink()
        return self.grade(item, **limits)

    def look_around(self, record):
        """What must hold after every attack."""
        text = json.dumps(record, ensure_ascii=False)
        for secret in (str(SEED), ENVIRONMENT, GRADEBOOK, COLLEAGUE):
            assert secret not in text
        with self.around():
            assert record["status"] in {
                "graded", "stopped", "unreadable", "unknown module", "not graded"
            }  # fmt: skip
            assert (record["status"] == "graded") == (not record["reason"])
            known = syllabus.find(record["module"]).checks if record["module"] else ()
            assert [each["check"] for each in record["verdicts"]] == [each.name for each in known]
            rows = list(grading.rows([record]))
        assert len(rows) == max(1, len(known))
        assert all(row["findings"] for row in rows)
        for verdict, check in zip(record["verdicts"], known, strict=True):
            assert 0 <= verdict["score"] <= verdict["points"] == check.points
            lost = [each for each in verdict["findings"] if not each["holds"]]
            assert bool(lost) == (verdict["score"] < verdict["points"])
            assert all(each["detail"] or each["got"] for each in lost)
        assert self._treasure() == self._before
        assert os.listdir(self.folder / "scratch") == []
        assert self.survivors() == []
        assert os.stat("/dev/null").st_mode == os.stat("/dev/zero").st_mode

    def survivors(self):
        """Processes of this range that still run; they know its folder by their environment."""
        mark, deadline = str(self.folder).encode(), time.monotonic() + 2
        while found := list(_processes_with(mark)):
            if time.monotonic() > deadline:
                return found
            time.sleep(0.05)
        return []


def _processes_with(mark):
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (path / "environ").read_bytes() + (path / "cmdline").read_bytes():
                yield path.name
