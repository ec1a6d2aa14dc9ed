"""The learner's copies are never overwritten; progress is never lost."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from course import syllabus, workspace
from course.workspace import Progress


def notebook(*sources, ids="a", outputs=()):
    """Return a notebook as text; its ids and outputs do not matter to the workspace."""
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"{ids}{number}",
            "metadata": {},
            "outputs": list(outputs),
            "source": source.splitlines(keepends=True),
        }
        for number, source in enumerate(sources)
    ]
    facts = {"title": "Rules", "slug": "rules", "minutes": 45, "checks": []}
    return json.dumps({"cells": cells, "metadata": {"course": facts}, "nbformat": 4})


class Course:
    """A course of one module, whose version can be changed, and a learner's workspace."""

    def __init__(self, folder):
        self.root, self.path = folder / "checkout", folder / "work space é"
        self.module = self.root / "modules" / "01_rules"
        self.module.mkdir(parents=True)
        self.mine = self.path / "01_rules" / "rules.ipynb"
        self.ship("v1")

    def ship(self, *sources):
        (self.module / "rules.ipynb").write_text(notebook(*sources), encoding="utf-8")

    def prepare(self):
        changes = workspace.prepare(self.path, root=self.root)
        return [(change.kind, str(change.path)) for change in changes]

    def beside(self, number=""):
        return self.path / "01_rules" / f"rules (new version{number}).ipynb"

    def files(self):
        return {
            str(file.relative_to(self.path)): file.read_bytes()
            for file in self.path.rglob("*")
            if file.is_file()
        }


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path)


# --- copies --------------------------------------------------------------------------------


def test_an_empty_workspace_gets_every_notebook(course):
    assert course.prepare() == [("new", "01_rules/rules.ipynb")]
    assert course.mine.read_text() == notebook("v1")


def test_nothing_is_written_when_all_is_up_to_date(course):
    course.prepare()
    before = {file: file.stat().st_mtime_ns for file in course.path.rglob("*")}
    assert course.prepare() == []
    assert {file: file.stat().st_mtime_ns for file in course.path.rglob("*")} == before


def test_an_unchanged_notebook_is_renewed(course):
    course.prepare()
    course.ship("v2")
    assert course.prepare() == [("renewed", "01_rules/rules.ipynb")]
    assert course.mine.read_text() == notebook("v2")


def test_a_notebook_that_was_only_run_counts_as_unchanged(course):
    course.prepare()
    output = {"name": "stdout", "output_type": "stream", "text": "1"}
    course.mine.write_text(notebook("v1", ids="other", outputs=[output]))
    course.ship("v2")
    assert course.prepare() == [("renewed", "01_rules/rules.ipynb")]


def test_outputs_stay_while_the_version_stays(course):
    course.prepare()
    run = notebook("v1", outputs=[{"name": "stdout", "output_type": "stream", "text": "1"}])
    course.mine.write_text(run)
    assert course.prepare() == []
    assert course.mine.read_text() == run


def test_a_changed_notebook_stays_and_the_new_version_is_laid_beside(course):
    course.prepare()
    course.mine.write_text(notebook("my work"))
    course.ship("v2")
    assert course.prepare() == [("beside", "01_rules/rules (new version).ipynb")]
    assert course.mine.read_text() == notebook("my work")
    assert course.beside().read_text() == notebook("v2")


def test_a_new_version_is_laid_beside_only_once(course):
    course.prepare()
    course.mine.write_text(notebook("my work"))
    course.ship("v2")
    course.prepare()
    assert course.prepare() == []
    course.beside().unlink()  # looked at and thrown away
    assert course.prepare() == []


def test_an_untouched_new_version_is_renewed_in_its_place(course):
    course.prepare()
    course.mine.write_text(notebook("my work"))
    for version in ("v2", "v3"):
        course.ship(version)
        assert course.prepare() == [("beside", "01_rules/rules (new version).ipynb")]
    assert course.beside().read_text() == notebook("v3")


def test_a_new_version_somebody_worked_in_stays_too(course):
    course.prepare()
    course.mine.write_text(notebook("my work"))
    course.ship("v2")
    course.prepare()
    course.beside().write_text(notebook("more of my work"))
    assert course.prepare() == []
    course.ship("v3")
    assert course.prepare() == [("beside", "01_rules/rules (new version 2).ipynb")]
    assert course.beside().read_text() == notebook("more of my work")
    assert course.beside(" 2").read_text() == notebook("v3")


def test_a_new_version_put_in_place_of_the_old_is_renewed_later(course):
    course.prepare()
    course.mine.write_text(notebook("my work"))
    course.ship("v2")
    course.prepare()
    os.replace(course.beside(), course.mine)
    assert course.prepare() == []
    course.ship("v3")
    assert course.prepare() == [("renewed", "01_rules/rules.ipynb")]


def test_going_back_to_an_older_version_follows_the_same_rules(course):
    course.prepare()
    course.ship("v2")
    course.prepare()
    course.ship("v1")
    assert course.prepare() == [("renewed", "01_rules/rules.ipynb")]
    course.mine.write_text(notebook("my work"))
    course.ship("v2")
    assert course.prepare() == [("beside", "01_rules/rules (new version).ipynb")]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 3}', '{"cells": [{}]}', "\x00"])
def test_a_notebook_that_cannot_be_read_is_kept_with_a_good_one_beside(course, content):
    course.prepare()
    course.mine.write_text(content)
    assert course.prepare() == [("beside", "01_rules/rules (new version).ipynb")]
    assert course.mine.read_text() == content
    assert course.beside().read_text() == notebook("v1")
    assert course.prepare() == []


def test_a_deleted_notebook_is_laid_down_afresh(course):
    course.prepare()
    course.mine.write_text(notebook("my work"))
    course.mine.unlink()
    assert course.prepare() == [("new", "01_rules/rules.ipynb")]


def test_a_deleted_workspace_starts_over(course):
    course.prepare()
    shutil.rmtree(course.path)
    assert course.prepare() == [("new", "01_rules/rules.ipynb")]


def test_without_its_records_the_workspace_keeps_what_differs(course):
    course.prepare()
    course.mine.write_text(notebook("my work"))
    shutil.rmtree(course.path / ".course")
    assert course.prepare() == [("beside", "01_rules/rules (new version).ipynb")]
    assert course.mine.read_text() == notebook("my work")
    assert course.prepare() == []


def test_without_its_records_what_is_up_to_date_is_left_alone(course):
    course.prepare()
    shutil.rmtree(course.path / ".course")
    assert course.prepare() == []
    course.ship("v2")
    assert course.prepare() == [("renewed", "01_rules/rules.ipynb")]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"a": 1}', b'{"a": [1]}', b"\xff"])
def test_a_damaged_record_is_begun_anew_and_said(course, damage):
    course.prepare()
    (course.path / ".course" / "shipped.json").write_bytes(damage)
    assert course.prepare() == [("records", ".course/shipped.json")]
    assert course.prepare() == []


def test_files_of_a_module_follow_the_same_rules(course):
    extra = course.module / "files" / "clips" / "walk.csv"
    extra.parent.mkdir(parents=True)
    extra.write_text("1\n")
    (course.module / "files" / ".DS_Store").write_text("")
    (course.module / "checks.py").write_text("the answers")
    assert course.prepare()[1:] == [("new", "01_rules/files/clips/walk.csv")]
    extra.write_text("2\n")
    assert course.prepare() == [("renewed", "01_rules/files/clips/walk.csv")]
    mine = course.path / "01_rules" / "files" / "clips" / "walk.csv"
    mine.write_text("mine\n")
    extra.write_text("3\n")
    assert course.prepare() == [("beside", "01_rules/files/clips/walk (new version).csv")]
    assert mine.read_text() == "mine\n"
    assert not any("checks.py" in name or ".DS_Store" in name for name in course.files())


def test_labs_lie_in_a_folder_of_their_own(course):
    lab = course.root / "labs" / "speech"
    lab.mkdir(parents=True)
    (lab / "speech.ipynb").write_text(notebook("listen"))
    assert ("new", "labs/speech/speech.ipynb") in course.prepare()


def test_every_change_is_told_in_a_sentence(course):
    course.prepare()
    course.mine.write_text(notebook("my work"))
    course.ship("v2")
    (change,) = workspace.prepare(course.path, root=course.root)
    assert change.sentence == (
        "01_rules/rules.ipynb holds your own work and was kept; "
        "the new version lies beside it, 'rules (new version).ipynb'."
    )


def test_a_write_that_fails_leaves_the_old_file_whole(course, monkeypatch):
    course.prepare()
    course.ship("v2")
    before = course.files()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(workspace.WorkspaceError, match=r"cannot be written \(no space left"):
        course.prepare()
    assert course.files() == before
    monkeypatch.undo()
    assert course.prepare() == [("renewed", "01_rules/rules.ipynb")]


def test_a_place_that_cannot_be_written_is_named_with_its_mend(course, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(workspace.WorkspaceError, match=r"file.* --workspace FOLDER"):
        workspace.prepare(tmp_path / "file" / "workspace", root=course.root)


class Learning(RuleBasedStateMachine):
    """Whatever the order of upgrades, edits, deletions and lost records."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.course = Course(Path(self.folder.name))
        self.work = {}  # what the learner wrote, by file

    def teardown(self):
        self.folder.cleanup()

    def notebooks(self):
        return sorted(self.course.path.rglob("*.ipynb"))

    @rule(version=st.sampled_from(["v1", "v2", "v3"]))
    def upgrade(self, version):
        self.course.ship(version)

    @rule()
    def start(self):
        self.course.prepare()
        assert self.course.prepare() == [], "the second start changes nothing"

    @precondition(lambda self: self.notebooks())
    @rule(data=st.data(), text=st.sampled_from(["one", "two", None]))
    def write(self, data, text):
        file = data.draw(st.sampled_from(self.notebooks()))
        self.work[file] = "not json" if text is None else notebook(text)
        file.write_text(self.work[file])

    @precondition(lambda self: self.notebooks())
    @rule(data=st.data())
    def delete(self, data):
        file = data.draw(st.sampled_from(self.notebooks()))
        file.unlink()
        self.work.pop(file, None)

    @rule(record=st.sampled_from([None, "", "[]"]))
    def lose_records(self, record):
        shutil.rmtree(self.course.path / ".course", ignore_errors=True)
        if record is not None:
            (self.course.path / ".course").mkdir(parents=True)
            (self.course.path / ".course" / "shipped.json").write_text(record)

    @invariant()
    def all_work_is_there(self):
        for file, text in self.work.items():
            assert file.read_text() == text


Learning.TestCase.settings = settings(
    max_examples=40, stateful_step_count=15, deadline=None, database=None
)
test_no_order_of_events_loses_work = Learning.TestCase


# --- where it is ---------------------------------------------------------------------------


def test_the_default_place_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("COURSE_WORKSPACE", raising=False)
    assert workspace.default_path() == tmp_path / "on-device"
    monkeypatch.setenv("COURSE_WORKSPACE", "~/elsewhere")
    assert workspace.default_path() == tmp_path / "elsewhere"


def test_a_workspace_is_found_from_any_folder_inside_it(course, monkeypatch):
    course.prepare()
    monkeypatch.setenv("COURSE_WORKSPACE", "/elsewhere")
    assert workspace.find(course.mine.parent) == course.path
    monkeypatch.chdir(course.mine.parent)
    assert workspace.find() == course.path


def test_outside_a_workspace_the_variable_decides(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORKSPACE", str(tmp_path / "mine"))
    assert workspace.find(tmp_path) == tmp_path / "mine"
    monkeypatch.delenv("COURSE_WORKSPACE")
    assert workspace.find(tmp_path) is None


# --- progress ------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty workspace, with the current folder inside it."""
    (tmp_path / ".course").mkdir()
    (tmp_path / "01_rules").mkdir()
    monkeypatch.chdir(tmp_path / "01_rules")
    return tmp_path


def test_the_best_attempt_counts_as_a_fraction_of_its_points(here):
    progress = Progress(here)
    for score, points in ((2, 4), (3, 4), (0, 4), (1.4, 2)):
        progress.record("rules", "speed", score, points)
    progress.record("rules", "quiz", 0, 1)
    progress.record("training", "split", 1, 1)
    assert progress.best() == {"rules": {"speed": 0.75, "quiz": 0.0}, "training": {"split": 1.0}}


def test_nothing_was_tried_in_a_new_workspace(here):
    assert Progress(here).best() == {}
    assert list((here / ".course").iterdir()) == []


@pytest.mark.parametrize(
    ("score", "points"),
    [(-1, 2), (3, 2), (0, 0), (1, -1), (float("nan"), 1), (1, float("nan")), (1, float("inf"))],
)
def test_an_impossible_score_is_refused(here, score, points):
    with pytest.raises(ValueError, match="A score lies between 0 and the points"):
        Progress(here).record("rules", "speed", score, points)
    assert workspace.record_attempt("rules", "speed", score, points).startswith(
        "This attempt was not saved."
    )


def test_every_record_of_eight_processes_is_kept(here):
    program = (
        "import sys; from course.workspace import Progress; from pathlib import Path\n"
        "for i in range(50): Progress(Path(sys.argv[1])).record('m', f'{sys.argv[2]}-{i}', 1, 2)"
    )
    environment = os.environ | {"PYTHONPATH": str(syllabus.root())}
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(here), str(n)], env=environment)
        for n in range(8)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0] * 8
    best = Progress(here).best()["m"]
    assert len(best) == 400
    assert set(best.values()) == {0.5}


def fill(progress):
    """Record 2,000 attempts at once: a database of some twenty pages of 4,096 bytes."""
    progress.record("rules", "first", 1, 2)
    rows = [("rules", f"check {number}") for number in range(2000)]
    with contextlib.closing(sqlite3.connect(progress.file)) as connection, connection:
        connection.executemany("INSERT INTO attempts VALUES (NULL, 0, ?, ?, 1, 2)", rows)


def overwrite(file, start, end):
    with file.open("r+b") as out:
        out.seek(start)
        out.write(b"\xa5" * (end - start))


DAMAGE = {
    "no database": lambda file: file.write_bytes(b"x" * 5000),
    "a header and nothing more": lambda file: file.write_bytes(
        b"SQLite format 3\0" + b"\xff" * 500
    ),
    "cut short": lambda file: os.truncate(file, 6 * 4096),
    "pages overwritten": lambda file: overwrite(file, 4096, file.stat().st_size),
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("first", ["read", "write"])
def test_a_damaged_database_is_moved_aside_and_a_new_one_begun(here, kind, first):
    progress = Progress(here)
    fill(progress)
    DAMAGE[kind](progress.file)
    if first == "read":
        progress.best()
    assert workspace.record_attempt("rules", "speed", 3, 4) is None
    progress.best()
    assert workspace.record_attempt("rules", "speed", 4, 4) is None
    assert progress.best() == {"rules": {"speed": 1.0}}
    (aside,) = progress.file.parent.glob("progress (damaged *).sqlite")
    assert aside.stat().st_size > 0


def test_a_record_that_lost_its_end_counts_for_nothing(here):
    progress = Progress(here)
    for number in range(40):
        progress.record("rules", f"check {number}", 1, 2)
    os.truncate(progress.file, 2 * 4096 - 200)  # the oldest rows lie at the end of the page
    progress.record("rules", "speed", 1, 1)
    best = progress.best()["rules"]
    assert best.pop("speed") == 1.0
    assert 30 < len(best) < 40
    assert set(best.values()) == {0.5}


@pytest.mark.skipif(os.name == "nt", reason="Windows does not move a file that is open")
def test_the_journal_of_a_damaged_database_goes_with_it(here):
    progress = Progress(here)
    fill(progress)
    overwrite(progress.file, 8 * 4096, 9 * 4096)
    with contextlib.closing(sqlite3.connect(progress.file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO attempts VALUES (NULL, 0, 'rules', 'late', 1, 1)")
        journal = progress.file.with_name("progress.sqlite-journal")
        assert journal.exists()
        assert progress.best() == {}
        assert not journal.exists()
        progress.record("rules", "speed", 1, 1)
        with contextlib.suppress(sqlite3.Error):
            writer.execute("COMMIT")
    assert progress.best() == {"rules": {"speed": 1.0}}


def test_processes_that_meet_the_same_damage_lose_no_record(here):
    Progress(here).file.write_bytes(b"x" * 5000)
    program = (
        "import sys; from course import workspace\n"
        "print(workspace.record_attempt('m', sys.argv[1], 1, 1))"
    )
    environment = os.environ | {"PYTHONPATH": str(syllabus.root())}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(n)], env=environment, stdout=subprocess.PIPE
        )
        for n in range(6)
    ]
    assert [process.communicate(timeout=60)[0].strip() for process in processes] == [b"None"] * 6
    assert len(Progress(here).best()["m"]) == 6
    assert len(list((here / ".course").glob("progress (damaged *).sqlite"))) == 1


def test_an_empty_database_file_is_filled(here):
    Progress(here).file.touch()
    assert Progress(here).best() == {}
    assert workspace.record_attempt("rules", "speed", 1, 1) is None


def test_the_database_of_a_newer_course_is_not_touched(here):
    progress = Progress(here)
    with contextlib.closing(sqlite3.connect(progress.file)) as connection:
        connection.execute("CREATE TABLE future (x)")
        connection.execute("PRAGMA user_version = 99")
    before = progress.file.read_bytes()
    sentence = workspace.record_attempt("rules", "speed", 1, 1)
    assert "newer version of the course" in sentence
    with pytest.raises(workspace.ProgressError, match="newer version of the course"):
        progress.best()
    assert progress.file.read_bytes() == before


def test_a_read_only_database_gives_a_sentence_and_can_still_be_read(here, monkeypatch):
    Progress(here).record("rules", "speed", 1, 2)
    connect = sqlite3.connect

    def read_only(file, **options):
        return connect(f"{Path(file).as_uri()}?mode=ro", uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    sentence = workspace.record_attempt("rules", "speed", 2, 2)
    assert "not saved" in sentence
    assert "readonly" in sentence
    assert Progress(here).best() == {"rules": {"speed": 0.5}}


def test_a_locked_database_gives_a_sentence_in_time(here):
    Progress(here).record("rules", "speed", 1, 2)
    progress = Progress(here, timeout=0.05)
    with contextlib.closing(sqlite3.connect(progress.file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(workspace.ProgressError, match="locked"):
            progress.record("rules", "speed", 2, 2)
        with pytest.raises(workspace.ProgressError, match="locked"):
            progress.best()
    progress.record("rules", "speed", 2, 2)
    assert progress.best() == {"rules": {"speed": 1.0}}


def test_outside_a_workspace_an_attempt_gives_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COURSE_WORKSPACE", raising=False)
    sentence = workspace.record_attempt("rules", "speed", 1, 1)
    assert "does not lie in a course workspace" in sentence


def test_a_workspace_deleted_under_a_kernel_gives_a_sentence(here, monkeypatch):
    monkeypatch.setenv("COURSE_WORKSPACE", str(here / "gone"))
    shutil.rmtree(here / ".course")
    assert "not saved" in workspace.record_attempt("rules", "speed", 1, 1)
    assert not (here / "gone").exists()
