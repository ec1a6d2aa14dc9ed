"""What nbgrader is given: damaged submissions, broken courses and judges that fail."""

import os
import sqlite3

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="nbgrader is in the grading extra, not installed here.")

from nbgrader.apps import NbGrader
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config.loader import PyFileConfigLoader

from autograder import build, gradebook, grading, plugins

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="nbgrader's exchange needs POSIX."),
    # nbgrader makes its rows so that SQLAlchemy grumbles
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),
]


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """nbgrader's settings in a staged course whose assignment was made."""
    monkeypatch.setattr(gradebook.api, "get_alembic_version", lambda: "724cde206c17")
    monkeypatch.setattr(plugins, "secret_seed", lambda: 5)
    folder = tmp_path / "course"
    build.build("toy", view="nbgrader", to=folder)
    settings = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
    convert(GenerateAssignment, settings)
    return settings


def convert(kind, settings):
    """Run one of nbgrader's steps in this process; returns nothing, raises when it failed."""
    app = NbGrader(config=settings)
    course = CourseDirectory(config=settings, assignment_id="toy")
    kind(coursedir=course, parent=app).start()


@pytest.fixture
def judged(monkeypatch):
    """Puts a quick judge in the place of the sandbox: full points for every readable notebook."""

    def judge(item, seed):
        if item.status:
            return graded(item, seed)
        assert seed == 5
        verdicts = [
            {"check": check.name, "points": check.points, "score": check.points, "title": "T",
             "findings": [{"title": "Fine", "holds": True}]}
            for check in grading.syllabus.find(item.module).checks
        ]  # fmt: skip
        return {"status": "graded", "reason": "", "notes": [], "verdicts": verdicts}

    graded = grading.grade_bytes
    monkeypatch.setattr(grading, "grade_bytes", judge)
    return judge


@pytest.fixture
def hand_in(settings, toy):
    """Puts a notebook where nbgrader collects; the solution when no text is given."""

    def put(student, text=None, name="toy.ipynb"):
        path = settings_folder(settings) / "submitted" / student / "toy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(build.text(build.read(toy), "solution") if text is None else text, "utf-8")
        return path

    return put


def settings_folder(settings):
    return plugins.Path(settings.CourseDirectory.root)


def scores(settings):
    """Sum of automatic scores of each student; None where one is missing."""
    with sqlite3.connect(settings_folder(settings) / "gradebook.db") as database:
        rows = database.execute(
            "SELECT student_id, SUM(auto_score), COUNT(*), COUNT(auto_score) FROM grade"
            " JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id"
            " JOIN submitted_assignment"
            "   ON submitted_assignment.id = submitted_notebook.assignment_id GROUP BY student_id"
        ).fetchall()
    return {name: total if count == judged else None for name, total, count, judged in rows}


# --- autograde --------------------------------------------------------------------------------


def test_every_kind_of_file_gets_a_score(settings, hand_in, judged, tmp_path):
    hand_in("right")
    hand_in("garbage", "{")
    hand_in("deep", "[" * 100_000)
    hand_in("old", '{"nbformat": 3, "worksheets": []}')
    os.truncate(hand_in("huge"), 21 << 20)
    path = hand_in("pipe")
    path.unlink()
    os.mkfifo(path)
    path = hand_in("folder")
    path.unlink()
    path.mkdir()
    path = hand_in("link")
    path.unlink()
    path.symlink_to("/dev/zero")
    path = hand_in("broken")
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    (settings_folder(settings) / "submitted" / "linked").symlink_to("right")
    convert(Autograde, settings)
    none = ("garbage", "deep", "old", "huge", "pipe", "folder", "link", "broken", "linked")
    assert scores(settings) == {"right": 6, **dict.fromkeys(none, 0)}


def test_files_beside_a_notebook_are_not_followed(settings, hand_in, judged, tmp_path):
    (tmp_path / "secret").write_text("secret")
    place = hand_in("eve").parent
    (place / "data.csv").write_text("1", "utf-8")
    (place / "secret.txt").symlink_to(tmp_path / "secret")
    (place / "nowhere").symlink_to(tmp_path / "nowhere")
    (place / "folder").symlink_to(tmp_path)
    os.mkfifo(place / "pipe")
    convert(Autograde, settings)
    graded = settings_folder(settings) / "autograded" / "eve" / "toy"
    assert {path.name for path in graded.iterdir()} == {"toy.ipynb", "data.csv"}
    assert scores(settings) == {"eve": 6}


def test_a_grader_that_fails_gives_a_reason_and_goes_on(settings, hand_in, judged, monkeypatch):
    def fails(item, seed):
        if item.student == "eve" and not item.status:
            raise RuntimeError("the secret is 42")
        return judged(item, seed)

    monkeypatch.setattr(grading, "grade_bytes", fails)
    for student in ("ada", "eve", "fay"):
        hand_in(student)
    convert(Autograde, settings)
    assert scores(settings) == {"ada": 6, "eve": 0, "fay": 6}
    path = settings_folder(settings) / "autograded" / "eve" / "toy" / "toy.ipynb"
    text = path.read_text("utf-8")
    assert "The grader failed on this notebook (RuntimeError)" in text
    assert "42" not in text


def test_the_nearest_name_is_taken_for_the_notebook(settings, hand_in, judged):
    hand_in("ada", "{", "homework.ipynb")
    hand_in("ada", None, "toy-final.ipynb")
    hand_in("bob", None, "Untitled.ipynb")
    hand_in("cleo", None)
    hand_in("cleo", "{", "toy (1).ipynb")
    convert(Autograde, settings)
    assert scores(settings) == {"ada": 6, "bob": 6, "cleo": 6}


def test_checks_that_the_gradebook_lacks_do_not_stop_the_others(
    settings, hand_in, judged, make_module, toy_texts, monkeypatch
):
    source, checks = toy_texts
    path = make_module(
        source.replace('="size"', '="width"'), checks.replace("class Size", "class Width")
    )
    monkeypatch.setattr(plugins.syllabus, "_ROOT", path.parents[2])
    hand_in("ada")
    convert(Autograde, settings)
    assert scores(settings) == {"ada": 5}  # "size" is no check any more, "width" not yet one


def test_an_assignment_of_the_instructors_own_gets_no_points_unseen(settings, judged):
    # No kernel runs, and nbgrader gives a cell without outputs full points.
    folder = settings_folder(settings)
    cell = nbformat.v4.new_code_cell("assert False")
    cell.metadata["nbgrader"] = {"grade": True, "grade_id": "own", "locked": True, "points": 3,
                                 "schema_version": 3, "solution": False, "task": False}  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=[cell])
    for place in (folder / "source" / "own", folder / "submitted" / "ada" / "own"):
        place.mkdir(parents=True)
        nbformat.write(notebook, place / "own.ipynb")
    for kind in (GenerateAssignment, Autograde):
        course = CourseDirectory(config=settings, assignment_id="own")
        kind(coursedir=course, parent=NbGrader(config=settings)).start()
    assert scores(settings) == {"ada": 0}


def test_scores_by_hand_are_not_put_up_for_review_again(settings, hand_in, judged):
    hand_in("ada")
    convert(Autograde, settings)
    database = settings_folder(settings) / "gradebook.db"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE grade SET manual_score = 0.5, auto_score = 0")
    settings.BaseConverter.force = True
    convert(Autograde, settings)
    with sqlite3.connect(database) as connection:
        found = connection.execute("SELECT SUM(auto_score), SUM(manual_score), "
                                   "MAX(needs_manual_grade) FROM grade").fetchall()  # fmt: skip
    assert found == [(6, 1.5, 0)]


# --- collect ----------------------------------------------------------------------------------


@pytest.fixture
def collect(settings, tmp_path):
    """Runs `nbgrader collect` on an exchange; gives its inbound folder, then the students."""
    settings.Exchange.root = str(tmp_path / "exchange")
    inbound = tmp_path / "exchange" / "on-device" / "inbound"
    inbound.mkdir(parents=True)

    def run():
        course = CourseDirectory(config=settings, assignment_id="toy")
        plugins.Collect(coursedir=course, parent=NbGrader(config=settings)).start()
        folder = settings_folder(settings) / "submitted"
        return {
            path.name: sorted(file.name for file in (path / "toy").iterdir())
            for path in folder.glob("*")
            if (path / "toy").exists()
        }

    run.inbound = inbound
    return run


def arrive(collect, name, text="{}"):
    folder = collect.inbound / name
    folder.mkdir()
    (folder / "toy.ipynb").write_text(text, "utf-8")
    (folder / "timestamp.txt").write_text("2026-11-22 10:00:00 UTC", "utf-8")
    return folder


def test_odd_folders_in_the_exchange_do_not_stop_the_others(collect, tmp_path, monkeypatch):
    arrive(collect, "ada+toy+2026-11-22 10:00:00 UTC")
    arrive(collect, "bob+toy+whenever")
    arrive(collect, "cleo+toy+")
    (collect.inbound / "dan+toy+2026-11-22 10:00:00 UTC").write_text("no folder")
    (collect.inbound / "eve+toy+2026-11-22 10:00:00 UTC").symlink_to(tmp_path)
    (collect.inbound / "fay+toy+2026-11-22 10:00:00 UTC").symlink_to(tmp_path / "nowhere")
    assert set(collect()) == {"ada", "bob", "cleo"}


def test_links_in_the_exchange_are_not_followed(collect, tmp_path):
    (tmp_path / "secret").write_text("secret")
    folder = arrive(collect, "eve+toy+2026-11-22 10:00:00 UTC")
    (folder / "secret.txt").symlink_to(tmp_path / "secret")
    (folder / "secrets").symlink_to(tmp_path)
    (folder / "toy.ipynb").unlink()
    (folder / "toy.ipynb").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "pipe")
    assert collect() == {"eve": ["timestamp.txt", "toy.ipynb"]}
    collected = tmp_path / "course" / "submitted" / "eve" / "toy" / "toy.ipynb"
    assert not collected.is_symlink()
    assert collected.read_bytes() == b""


def test_a_submission_that_is_too_large_is_left_behind(collect, settings):
    settings.CourseDirectory.max_dir_size = 1
    arrive(collect, "ada+toy+2026-11-22 10:00:00 UTC", "1" * 2000)
    arrive(collect, "bob+toy+2026-11-22 10:00:00 UTC")
    assert set(collect()) == {"bob"}


def test_a_folder_without_a_time_counts_when_there_is_no_other(collect, settings):
    arrive(collect, "ada+toy+whenever", '"no time"')
    arrive(collect, "ada+toy+2026-11-22 10:00:00 UTC", '"time"')
    collect()
    path = settings_folder(settings) / "submitted" / "ada" / "toy" / "toy.ipynb"
    assert path.read_text("utf-8") == '"time"'
