"""The one writer of nbgrader's gradebook: what it enters, what it leaves alone, what it refuses."""

import json
import math
import re
import sqlite3
import string
import threading
from html.parser import HTMLParser

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("nbgrader", reason="nbgrader is in the grading extra, not installed here.")

from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbgrader.apps import NbGrader
from nbgrader.converters import GenerateAssignment
from nbgrader.utils import determine_grade
from traitlets.config import Config

from autograder import build, gradebook
from autograder.check import Finding, Verdict
from autograder.gradebook import Gradebook, GradebookError, Row, folder_name, student_name

POINTS = {"zero_point": 3, "thresholds": 2, "size": 1}


def record_of(student="ada", status="graded", module="toy", notes=(), title="Looked at", **held):
    """A record in which these shares of each check's findings hold."""
    verdicts = []
    for check, most in POINTS.items():
        share = held.get(check, 1)
        findings = tuple(
            Finding(title, holds, "got 3", "4", "A detail.", "Try again.", weight)
            for holds, weight in ((True, share), (False, 1 - share))
            if weight
        )
        verdict = Verdict(check, most, findings)
        shown = verdict.to_json() | {"score": verdict.score, "title": f"Title of {check}"}
        for finding in shown["findings"]:
            del finding["example"]
        verdicts.append(shown)
    return {"student": student, "module": module, "status": status, "reason": "", "file": "x.ipynb",
            "notes": list(notes), "verdicts": verdicts}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A course folder with an empty database: making one takes nbgrader seconds."""
    return tmp_path / "course"


@pytest.fixture(autouse=True)
def quick_database(monkeypatch):
    """nbgrader asks another program for the version of a new database."""
    monkeypatch.setattr(gradebook.api, "get_alembic_version", lambda: "724cde206c17")


@pytest.fixture
def data(toy):
    """The toy's solution as bytes of a notebook."""
    return build.text(build.read(toy), "solution").encode()


def dump(folder):
    """Everything in the database, as SQL."""
    with sqlite3.connect(folder / "gradebook.db") as database:
        return list(database.iterdump())


def ask(folder, sql):
    with sqlite3.connect(folder / "gradebook.db") as database:
        return database.execute(sql).fetchall()


def notebook_of(folder, student="ada", step="autograded"):
    return nbformat.read(folder / step / student / "toy" / "toy.ipynb", as_version=4)


def texts(notebook):
    """Plain text of every output."""
    return [o.data["text/plain"] for cell in notebook.cells for o in cell.get("outputs", [])]


# --- what is entered --------------------------------------------------------------------------


def test_scores_and_comments_of_a_record_are_entered(folder, data):
    with Gradebook(folder) as book:
        assert book.write(record_of(thresholds=0.5, size=0), data)
        assert book.rows() == [
            Row("ada", "toy", "zero_point", 3, 3),
            Row("ada", "toy", "thresholds", 1, 2),
            Row("ada", "toy", "size", 0, 1),
        ]
    assert ask(folder, "SELECT id FROM student") == [("ada",)]
    assert ask(folder, "SELECT DISTINCT needs_manual_grade FROM grade") == [(0,)]
    comments = dict(
        ask(
            folder,
            "SELECT base_cell.name, auto_comment FROM comment"
            " JOIN base_cell ON base_cell.id = comment.cell_id",
        )
    )
    assert comments["task-zero-point"] == "3 of 3 points."
    assert comments["task-size"] == (
        "0 of 1 points.\n\n- Looked at: got 3, needs 4. A detail. Next: Try again."
    )


def test_the_same_record_again_changes_nothing(folder, data):
    record = record_of(thresholds=0.5)
    with Gradebook(folder) as book:
        book.write(record, data)
    before = dump(folder), {p: p.stat().st_mtime_ns for p in folder.rglob("*.ipynb")}
    with Gradebook(folder) as book:
        book.write(json.loads(json.dumps(record)), data)
        book.write(record, data)
    assert (dump(folder), {p: p.stat().st_mtime_ns for p in folder.rglob("*.ipynb")}) == before


def test_a_new_record_renews_the_scores(folder, data):
    with Gradebook(folder) as book:
        book.write(record_of(size=0), data)
        book.write(record_of(zero_point=0), data)
        assert [row.score for row in book.rows()] == [0, 2, 1]


@pytest.mark.parametrize(
    "change", [{"status": "not graded"}, {"module": "", "status": "unknown module"}]
)
def test_what_belongs_to_no_row_is_not_entered(folder, data, change):
    with Gradebook(folder) as book:
        assert not book.write(record_of() | change, data)
        assert book.rows() == []


@pytest.mark.parametrize("score", [math.nan, math.inf, -1, 3.01])
def test_a_score_that_cannot_be_is_refused(folder, data, score):
    record = record_of()
    record["verdicts"][0]["score"] = score
    with Gradebook(folder) as book:
        with pytest.raises(ValueError, match="zero_point has a score of"):
            book.write(record, data)
        assert book.rows() == []


def test_a_record_of_other_checks_is_refused(folder, data):
    record = record_of()
    record["verdicts"].pop()
    with Gradebook(folder) as book, pytest.raises(ValueError, match=r"toy differ in: size\."):
        book.write(record, data)


def test_the_assignment_is_made_as_nbgrader_makes_it(folder, data, tmp_path):
    with Gradebook(folder) as book:
        book.write(record_of(), data)
    other = tmp_path / "other"
    build.build("toy", view="nbgrader", to=other)
    settings = gradebook.PyFileConfigLoader("nbgrader_config.py", path=str(other)).load_config()
    app = NbGrader(config=settings)
    course = gradebook.CourseDirectory(config=settings, assignment_id="toy")
    GenerateAssignment(coursedir=course, parent=app).start()
    tables = (
        "SELECT name, course_id, duedate FROM assignment",
        "SELECT name, kernelspec FROM notebook",
        "SELECT name, type FROM base_cell ORDER BY name",
        "SELECT max_score, cell_type FROM grade_cells ORDER BY max_score",
        "SELECT name, cell_type, locked, source, checksum FROM source_cell ORDER BY name",
    )
    for query in tables:
        assert ask(folder, query) == ask(other, query), query


def test_points_that_changed_are_renewed(folder, data, make_module, toy_texts, monkeypatch):
    with Gradebook(folder) as book:
        book.write(record_of(), data)
    source, checks = toy_texts
    path = make_module(source, checks.replace("points = 3", "points = 5"))
    monkeypatch.setattr(gradebook.syllabus, "_ROOT", path.parents[2])
    monkeypatch.setitem(POINTS, "zero_point", 5)
    with Gradebook(folder) as book:
        book.write(record_of(), data)
        assert book.rows()[0] == Row("ada", "toy", "zero_point", 5, 5)


def test_checks_that_changed_after_submissions_are_refused_in_words(
    folder, data, make_module, toy_texts, monkeypatch
):
    with Gradebook(folder) as book:
        book.write(record_of(), data)
    source, checks = toy_texts
    path = make_module(
        source.replace('="size"', '="width"'), checks.replace("class Size", "class Width")
    )
    monkeypatch.setattr(gradebook.syllabus, "_ROOT", path.parents[2])
    before = dump(folder)
    with (
        Gradebook(folder) as book,
        pytest.raises(GradebookError, match="before its checks changed"),
    ):
        book.write(record_of(), data)
    assert dump(folder) == before


def test_the_time_that_the_exchange_noted_is_entered(folder, data):
    place = folder / "submitted" / "ada" / "toy"
    place.mkdir(parents=True)
    (place / "timestamp.txt").write_text("2026-11-22 15:00:00.5 CET+0100", "utf-8")
    build.build("toy", view="nbgrader", to=folder)
    with Gradebook(folder) as book:
        book.write(record_of(), data)
        (place / "timestamp.txt").write_text("whenever", "utf-8")
        book.write(record_of(size=0), data)
    ((noted,),) = ask(folder, "SELECT timestamp FROM submitted_assignment")
    assert noted.startswith("2026-11-22 1")


# --- what an instructor set -------------------------------------------------------------------


def test_a_score_set_by_hand_counts_and_survives_a_regrade(folder, data):
    with Gradebook(folder) as book:
        book.write(record_of(zero_point=0), data)
        book.override("ada", "toy", "zero_point", 2.5, "Seen in **class**.")
        assert book.rows()[0].score == 2.5
        book.write(record_of(zero_point=1, size=0), data)
        assert [row.score for row in book.rows()] == [2.5, 2, 0]
    assert ask(
        folder, "SELECT auto_score, manual_score FROM grade WHERE manual_score NOT NULL"
    ) == [(3, 2.5)]
    assert ("Seen in **class**.",) in ask(folder, "SELECT manual_comment FROM comment")


def test_a_score_set_by_hand_can_be_taken_back(folder, data):
    with Gradebook(folder) as book:
        book.write(record_of(zero_point=0), data)
        book.override("ada", "toy", "zero_point", 2.5, "Seen.")
        book.override("ada", "toy", "zero_point", None, "")
        assert book.rows()[0].score == 0
    assert ask(folder, "SELECT DISTINCT manual_comment FROM comment") == [(None,)]


def test_extra_credit_survives_a_regrade(folder, data):
    with Gradebook(folder) as book:
        book.write(record_of(), data)
    with sqlite3.connect(folder / "gradebook.db") as database:
        database.execute("UPDATE grade SET extra_credit = 0.5 WHERE auto_score = 3")
    with Gradebook(folder) as book:
        book.write(record_of(size=0), data)
        assert book.rows()[0] == Row("ada", "toy", "zero_point", 3.5, 3)


@pytest.mark.parametrize("score", [-0.5, 3.5, math.nan])
def test_a_score_by_hand_lies_within_the_points(folder, data, score):
    with Gradebook(folder) as book:
        book.write(record_of(), data)
        with pytest.raises(ValueError, match="between 0 and 3"):
            book.override("ada", "toy", "zero_point", score)


@pytest.mark.parametrize(
    "where", [("eve", "toy", "size"), ("ada", "kinds", "size"), ("ada", "toy", "width")]
)
def test_a_score_that_is_not_there_cannot_be_set(folder, data, where):
    with Gradebook(folder) as book:
        book.write(record_of(), data)
        with pytest.raises(LookupError, match="The gradebook has no score of"):
            book.override(*where, 1)


# --- notebooks --------------------------------------------------------------------------------


def test_the_submission_and_its_graded_form_are_kept(folder, data):
    with Gradebook(folder) as book:
        book.write(record_of(thresholds=0.5, notes=["A cell raised <b>."]), data)
    assert (folder / "submitted" / "ada" / "toy" / "toy.ipynb").read_bytes() == data
    notebook = notebook_of(folder)
    nbformat.validate(notebook)
    answers = {cell.id: cell.source for cell in notebook.cells}
    assert "return round(-128" in answers["task-zero-point"]
    shown = texts(notebook)
    assert shown[0] == "About this run: A cell raised <b>."
    assert "Partly there: Title of thresholds · 1 of 2 points" in shown[3]
    assert (shown[2], shown[4], shown[6]) == ("3.0", "1.0", "1.0")
    assert len(shown) == 7
    html = [o.data.get("text/html", "") for cell in notebook.cells for o in cell.get("outputs", [])]
    assert "<b>" not in html[0]
    assert all(text.startswith('<div class="tex2jax_ignore') for text in html if text)


def test_outputs_of_the_learner_are_gone(folder, toy):
    notebook = build.notebook(build.read(toy), "learner")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", name="stderr", text="learner's")]
    with Gradebook(folder) as book:
        book.write(record_of(), nbformat.writes(notebook).encode())
    text = (folder / "autograded" / "ada" / "toy" / "toy.ipynb").read_text("utf-8")
    assert "learner's" not in text


@pytest.mark.parametrize(
    "data",
    [None, b"", b"{", b"\xff\xfe", b"[" * 5000, b'{"nbformat": 4}',
     b'{"nbformat": 4, "cells": [{"cell_type": "code"}]}',
     b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}'],
)  # fmt: skip
def test_what_is_no_notebook_is_shown_as_a_blank_one_that_says_why(folder, data):
    record = record_of(
        status="unreadable", title="It is no notebook", zero_point=0, thresholds=0, size=0
    )
    with Gradebook(folder) as book:
        assert book.write(record, data)
    notebook = notebook_of(folder)
    assert sum("# Your code here" in cell.source for cell in notebook.cells) == 3
    assert sum("It is no notebook" in text for text in texts(notebook)) == 3
    assert sum(text == "0.0" for text in texts(notebook)) == 3


def test_a_file_above_the_limit_is_not_kept(folder, data, monkeypatch):
    monkeypatch.setattr(gradebook.submission, "MAX_NOTEBOOK_BYTES", 100)
    with Gradebook(folder) as book:
        book.write(record_of(), data)
    assert not (folder / "submitted").exists()
    assert len(texts(notebook_of(folder))) == 6


def test_nothing_is_written_through_a_link(folder, data, tmp_path):
    (folder / "autograded").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (folder / "autograded" / "ada").symlink_to(tmp_path / "elsewhere")
    with Gradebook(folder) as book, pytest.raises(GradebookError, match="is a link"):
        book.write(record_of(), data)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_graded_cell_that_no_check_knows_gets_nothing(toy):
    notebook = gradebook.release("toy")
    cell = next(cell for cell in notebook.cells if cell.id == "check-size")
    cell.metadata["nbgrader"]["grade_id"] = "check-bonus"
    shown = gradebook.with_cards(notebook, record_of())
    (cell,) = [cell for cell in shown.cells if cell.id == "check-size"]
    assert determine_grade(cell) == (0, 1)


@pytest.mark.parametrize(
    ("score", "read"),
    [(3, 3), (1.25, 1.25), (0.01, 0.01), (1e-9, 1e-9), (0, 0), (-1, 0), (-0.0, 0), (math.nan, 0),
     (math.inf, 3), (3000, 3), (True, 1)],
)  # fmt: skip
def test_nbgrader_reads_the_score_and_never_more(score, read):
    record = record_of()
    record["verdicts"][0]["score"] = score
    shown = gradebook.with_cards(gradebook.release("toy"), record)
    (cell,) = [cell for cell in shown.cells if cell.id == "check-zero-point"]
    assert determine_grade(cell) == (read, 3)


# --- comments ---------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Collects the tags of a page and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = set(), ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "[a](javascript:alert(1))", "![a](http://x/y.png)",
     "<javascript:a>", "[a]: javascript:a\n[a]", "`</code><script>`", "&lt;script&gt;", "\\<b>",
     r"$\href{javascript:a}{b}$", r"\(\href{javascript:a}{b}\)", r"$$x$$",
     r"\begin{equation}x\end{equation}", "```\n<b>\n```", "</li></ul><style>"],
)  # fmt: skip
def test_no_word_of_a_learner_becomes_markup_in_a_comment(text):
    finding = Finding(text, False, text, text, text, text)
    page = Tags(markdown2html_mistune(gradebook.comment(Verdict("size", 1, (finding,)))))
    assert page.tags <= {"p", "ul", "li", "em", "strong"}
    assert not re.search(r"[$\\]", page.text)


@given(st.text(alphabet="<>[]()!`$\\&#*_~|:/ \n" + string.ascii_lowercase))
def test_no_text_at_all_becomes_a_tag_or_a_formula(text):
    finding = Finding("Title", False, detail=text)
    page = Tags(markdown2html_mistune(gradebook.comment(Verdict("size", 1, (finding,)))))
    assert not page.tags & {"script", "img", "style", "iframe", "code", "pre"}
    assert not re.search(r"[$\\]", page.text)


def test_a_comment_has_an_end():
    findings = tuple(Finding("x" * 5000, False) for _ in range(3))
    assert len(gradebook.comment(Verdict("size", 1, findings))) < 3200


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("student", "folder"),
    [
        ("ada", "ada"),
        ("Ada Lovelace", "Ada Lovelace"),
        ("ada.l@example.org", "ada.l@example.org"),
        ("Zoë Müller-Lüdenscheid", "Zoë Müller-Lüdenscheid"),
        ("हिन्दी", "हिन्दी"),
        ("..", "~2E~2E"),
        ("../../etc", "~2E.~2F..~2Fetc"),
        (".hidden", "~2Ehidden"),
        ("a+b", "a~2Bb"),
        ("a,b", "a~2Cb"),
        ("a~b", "a~7Eb"),
        ("a~FFb", "a~7EFFb"),
        ("=1+1", "~3D1~2B1"),
        ("-x", "~2Dx"),
        ("a\0b\u202e", "a~00b~E2~80~AE"),
        ("<script>", "~3Cscript~3E"),
        ("", "~~e3b0c44298fc1c14"),
    ],
)
def test_a_student_gets_a_harmless_folder(student, folder):
    assert folder_name(student) == folder
    if student:
        assert student_name(folder) == student


@given(st.text(), st.text())
def test_no_two_students_share_a_folder_and_none_leaves_it(one, other):
    for name in (one, other):
        folder = folder_name(name)
        assert not set(folder) & set("/\\+,*?[]\"'<>\0")
        assert folder not in ("", ".", "..")
        assert folder.strip(" .") == folder
        assert len(folder.encode()) <= 120
        assert folder_name(folder) == folder
    same = {gradebook.unicodedata.normalize("NFC", student_name(name)) for name in (one, other)}
    assert (folder_name(one) == folder_name(other)) == (len(same) == 1)


def test_long_names_keep_apart():
    names = {folder_name("x" * 300 + end) for end in "abc"}
    assert len(names) == 3
    assert max(len(name.encode()) for name in names) <= 120
    assert all(student_name(name) == folder_name(name) == name for name in names)


def test_a_student_with_an_odd_name_is_entered_and_read_back(folder, data):
    with Gradebook(folder) as book:
        book.write(record_of("../eve+1"), data)
        book.override("../eve+1", "toy", "size", 0.5)
        assert {row.student for row in book.rows()} == {"../eve+1"}
    assert [path.name for path in (folder / "submitted").iterdir()] == ["~2E.~2Feve~2B1"]


# --- a database in use ------------------------------------------------------------------------


@pytest.fixture
def lock(folder):
    """Locks the database from another connection; call the result to free it."""
    connections = []

    def take():
        connection = sqlite3.connect(folder / "gradebook.db", check_same_thread=False)
        connection.execute("BEGIN EXCLUSIVE")
        connections.append(connection)
        return connection.rollback

    yield take
    for connection in connections:
        connection.close()


def test_a_locked_database_is_waited_for(folder, data, lock):
    with Gradebook(folder) as book:
        book.write(record_of(), data)
        release = threading.Timer(1.5, lock())
        release.start()
        book.write(record_of(size=0), data)
        release.join()
        assert book.rows()[-1].score == 0


def test_a_database_that_stays_locked_is_refused_in_words_and_can_be_used_later(
    folder, data, lock, monkeypatch
):
    monkeypatch.setattr(Gradebook, "patience_seconds", 0.5)
    with Gradebook(folder) as book:
        book.write(record_of(), data)
        free = lock()
        with pytest.raises(
            GradebookError, match="has been locked by another program for 0 seconds"
        ):
            book.write(record_of("bob"), data)
        free()
        assert {row.student for row in book.rows()} == {"ada"}
        book.write(record_of("bob"), data)
        assert {row.student for row in book.rows()} == {"ada", "bob"}


def test_a_file_that_is_no_database_is_refused_in_words(folder):
    folder.mkdir()
    (folder / "gradebook.db").write_bytes(b"no database" * 1000)
    with pytest.raises(GradebookError, match="cannot be used"), Gradebook(folder):
        pass


def test_nbgraders_own_commands_wait_for_a_minute(folder):
    with Gradebook(folder) as book:
        url = book._course.db_url
    own = gradebook.api.Gradebook(url)
    with own:
        assert own.db.execute(gradebook.api.text("PRAGMA busy_timeout")).scalar() == 60_000


# --- the course folder ------------------------------------------------------------------------


def test_a_course_that_is_not_there_is_staged(folder, data):
    with Gradebook(folder) as book:
        book.write(record_of(), data)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names >= {"nbgrader_config.py", "gradebook.db", "source/toy/toy.ipynb"}


def test_the_instructors_settings_count(folder, data, tmp_path):
    build.build("toy", view="nbgrader", to=folder)
    (folder / "instructor_config.py").write_text(
        f"c.CourseDirectory.db_url = 'sqlite:///{tmp_path}/other.db'\n"
        "c.CourseDirectory.course_id = 'spring'\n"
        "c.CourseDirectory.autograded_directory = 'graded'\n",
        "utf-8",
    )
    with Gradebook(folder) as book:
        book.write(record_of(), data)
    assert not (folder / "gradebook.db").exists()
    assert (folder / "graded" / "ada" / "toy" / "toy.ipynb").exists()
    with sqlite3.connect(tmp_path / "other.db") as database:
        assert database.execute("SELECT course_id FROM assignment").fetchall() == [("spring",)]


def test_a_database_can_be_named(folder, data, tmp_path):
    with Gradebook(folder, f"sqlite:///{tmp_path}/named.db") as book:
        book.write(record_of(), data)
    assert not (folder / "gradebook.db").exists()
    with Gradebook(folder, f"sqlite:///{tmp_path}/named.db") as book:
        assert len(book.rows()) == 3


def test_settings_that_are_not_ours_are_never_overwritten(folder):
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text("c = get_config()\n", "utf-8")
    with pytest.raises(FileExistsError, match="is not ours to renew"):
        build.build(view="nbgrader", to=folder)
    assert [path.name for path in folder.iterdir()] == ["nbgrader_config.py"]


def test_an_nbgrader_course_of_somebody_else_can_be_graded_into(folder, data):
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text("c = get_config()\n", "utf-8")
    with Gradebook(folder) as book:
        book.write(record_of(), data)
        assert len(book.rows()) == 3
    assert (folder / "autograded" / "ada" / "toy" / "toy.ipynb").exists()


def test_files_of_a_module_are_staged_and_its_checks_are_not(
    folder, make_module, toy_texts, monkeypatch
):
    path = make_module(*toy_texts)
    monkeypatch.setattr(gradebook.syllabus, "_ROOT", path.parents[2])
    (path.parent / "files").mkdir()
    (path.parent / "files" / "picture.svg").write_text("<svg/>", "utf-8")
    build.build(view="nbgrader", to=folder)
    (folder / "source" / "toy" / "files" / "old.svg").write_text("", "utf-8")
    (folder / "submitted").mkdir()
    build.build(view="nbgrader", to=folder)
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert found == {"nbgrader_config.py", "source/toy/toy.ipynb", "source/toy/files/picture.svg"}
    assert (folder / "submitted").is_dir()


def test_our_stub_takes_a_solutions_place_by_our_settings(folder):
    build.build("toy", view="nbgrader", to=folder)
    settings = gradebook.PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
    assert isinstance(settings, Config)
    text = nbformat.writes(gradebook.release("toy", settings))
    assert text.count("# Your code here") == 3
    assert "YOUR CODE HERE" not in text
