"""nbgrader as it comes, in the course that we stage: its whole cycle, with our judge's scores."""

import csv
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

import autograder
from autograder import build, cells, grading, submission

pytest.importorskip("nbgrader", reason="nbgrader is in the grading extra, not installed here.")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="nbgrader's exchange needs POSIX."),
]

#: nbgrader's command line, in the small course instead of this checkout. Importing nbgrader takes
#: seconds, so one child can run several commands, as nbgrader's own tests do.
PROGRAM = """
import json, sys
from pathlib import Path
from course import syllabus
sys.modules["rfc3987_syntax"] = None  # what jsonschema can do without takes two seconds to import
from nbgrader.apps import NbGraderApp
syllabus._ROOT = Path(sys.argv[1])
for words in json.loads(sys.argv[2]):
    NbGraderApp.launch_instance(words)
    NbGraderApp.instance().reset()
"""
SEED = 20261122
SCRIPT = "<script>alert(1)</script>"
TEX = r"$\href{javascript:alert(1)}{x}$"


class Course:
    """A staged course, its exchange, and commands in it."""

    def __init__(self, place, root):
        self.root, self.home = root, place / "home"
        self.folder, self.exchange = place / "staged", place / "exchange"
        for folder in (self.home, self.exchange):
            folder.mkdir()
        self.exchange.chmod(0o777)
        (place / "seed").write_text(str(SEED), "ascii")
        (place / "seed").chmod(0o600)
        own = {
            "HOME": str(self.home),
            "PYTHONPATH": str(Path(autograder.__file__).parents[1]),
            "COURSE_GRADER_SEED_FILE": str(place / "seed"),
            "JUPYTER_NO_CONFIG": "",
            # nothing of this Python's programs: what is needed must be found all the same
            "PATH": "/usr/bin:/bin",
        }
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
        self.environment = kept | own

    def stage(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(build.syllabus, "_ROOT", self.root)
            build.build("toy", view="nbgrader", to=self.folder)

    def nbgrader(self, *commands, cwd=None):
        """Run commands of nbgrader in one child; returns everything that they said."""
        words = json.dumps([command.split() for command in commands])
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROGRAM, str(self.root), words],
            cwd=cwd or self.folder, env=self.environment, text=True, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    def submitted(self, student):
        return self.folder / "submitted" / student / "toy" / "toy.ipynb"

    def autograded(self, student):
        path = self.folder / "autograded" / student / "toy" / "toy.ipynb"
        return nbformat.read(path, as_version=4)

    def feedback(self, student):
        return (self.folder / "feedback" / student / "toy" / "toy.html").read_text("utf-8")

    def query(self, sql, *values):
        with sqlite3.connect(self.folder / "gradebook.db") as database:
            return database.execute(sql, values).fetchall()

    def scores(self, student):
        """Automatic score, score by hand and whether to look at it, of each check."""
        rows = self.query(
            "SELECT base_cell.name, auto_score, manual_score, needs_manual_grade FROM grade"
            " JOIN base_cell ON base_cell.id = grade.cell_id"
            " JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id"
            " JOIN submitted_assignment"
            "   ON submitted_assignment.id = submitted_notebook.assignment_id"
            " WHERE submitted_assignment.student_id = ?",
            student,
        )
        return {name: tuple(rest) for name, *rest in rows}


RIGHT = {
    "zero_point": "def zero_point(low, scale):\n    return round(-128 - low / scale)",
    "thresholds": "best = (2.5, 6.5)",
    "size": "choice = 'b'",
}
WRONG = {
    "zero_point": "def zero_point(low, scale):\n    return round(-low / scale)",
    "thresholds": "best = (6.5, 7)",
    "size": f"choice = {SCRIPT + TEX!r}",
}


def hand_in(text, **answers):
    """The text of a learner's notebook with these answers in its task cells."""
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("course", {}).get("task", "").replace("-", "_")
        if name in answers:
            cell.source = answers[name]
    return nbformat.writes(notebook)


def damaged(text):
    """Notebooks that nbgrader stumbles over, by student."""
    record = json.loads(hand_in(text, **RIGHT))

    def changed(change):
        copy = json.loads(json.dumps(record))
        change(copy)
        return json.dumps(copy)

    def double(copy):
        copy["cells"] += [cell for cell in copy["cells"] if "nbgrader" in cell["metadata"]]
        copy["nbformat_minor"] = 4
        for cell in copy["cells"]:
            cell.pop("id", None)

    def delete(copy):
        copy["cells"] = [cell for cell in copy["cells"] if "check" not in cell["id"]]

    def mark(copy):
        copy["metadata"]["kernelspec"] = {"name": "bash", "language": "bash", "display_name": "b"}
        for cell in copy["cells"]:
            if "nbgrader" in cell["metadata"]:
                cell["metadata"]["nbgrader"] |= {
                    "schema_version": 99, "points": 1e9, "checksum": "0" * 32, "locked": None,
                }  # fmt: skip

    return {
        "double": changed(double),
        "deleted": changed(delete),
        "marked": changed(mark),
        "garbage": "{ this is no notebook",
        "empty": "",
    }


def with_outputs(text):
    """The notebook after the learner wrote 3000 points under every check."""
    record = json.loads(text)
    output = {"output_type": "execute_result", "data": {"text/plain": "3000"}, "metadata": {},
              "execution_count": 1}  # fmt: skip
    for cell in record["cells"]:
        if "check" in cell["id"]:
            cell["outputs"] = [output]
    return json.dumps(record)


@pytest.fixture(scope="module")
def cycle(tmp_path_factory, course_root):
    """The course after the whole cycle."""
    cycle = Course(tmp_path_factory.mktemp("cycle"), course_root)
    cycle.stage()
    (cycle.folder / "instructor_config.py").write_text(
        f"c.Exchange.root = {str(cycle.exchange)!r}\n", "utf-8"
    )
    cycle.nbgrader("generate_assignment toy", "release_assignment toy")

    # a learner, who has no settings of ours
    own = f"--course=on-device --Exchange.root={cycle.exchange}"
    cycle.nbgrader(f"fetch_assignment toy {own}", cwd=cycle.home)
    notebook = cycle.home / "toy" / "toy.ipynb"
    cycle.released = notebook.read_text("utf-8")
    notebook.unlink()
    notebook.write_text(hand_in(cycle.released, **RIGHT), "utf-8")
    cycle.nbgrader(f"submit toy {own} --student=ada", cwd=cycle.home)

    inbound = cycle.exchange / "on-device" / "inbound"
    for entry in inbound.glob("ada+*"):
        (entry / "gradebook").symlink_to(cycle.folder / "gradebook.db")
    (inbound / "eve+toy+whenever").symlink_to(cycle.folder / "source" / "toy")
    cycle.collected = cycle.nbgrader("collect toy")

    cycle.others = {
        "bob": with_outputs(hand_in(cycle.released, **WRONG)),
        "blank": cycle.released,
        **damaged(cycle.released),
    }
    for student, text in cycle.others.items():
        cycle.submitted(student).parent.mkdir(parents=True)
        cycle.submitted(student).write_text(text, "utf-8")
    cycle.submitted("link").parent.mkdir(parents=True)
    cycle.submitted("link").symlink_to(cycle.submitted("ada"))
    (cycle.submitted("blank").parent / "timestamp.txt").write_text("whenever", "utf-8")
    renamed = cycle.submitted("renamed").with_name("toy (1).ipynb")
    renamed.parent.mkdir(parents=True)
    shutil.copy(cycle.submitted("ada"), renamed)

    cycle.log = cycle.nbgrader("autograde toy", "generate_feedback toy", "export --to=grades.csv")
    return cycle


# --- staging and release ----------------------------------------------------------------------


def test_only_the_notebook_and_the_settings_are_staged(cycle):
    staged = {
        path.relative_to(cycle.folder).as_posix() for path in cycle.folder.glob("source/**/*")
    }
    assert staged == {"source/toy", "source/toy/toy.ipynb"}
    assert (cycle.folder / "nbgrader_config.py").exists()


def test_learners_get_no_solutions_and_cells_that_run(cycle):
    assert "SOLUTION" not in cycle.released
    assert "-128 - low" not in cycle.released
    assert cycle.released.count(cells.STUB) == 3
    assert "NotImplementedError" not in cycle.released


# --- collecting -------------------------------------------------------------------------------


def test_links_stay_behind_when_submissions_are_collected(cycle):
    found = {path.name for path in cycle.submitted("ada").parent.iterdir()}
    assert found == {"toy.ipynb", "timestamp.txt", "submission_secret.txt"}
    assert "it is left behind" in cycle.collected
    assert not (cycle.folder / "submitted" / "eve").exists()


# --- scores -----------------------------------------------------------------------------------


def expected(cycle, student):
    """What `course grade` gives for the same file and seed."""
    item = grading.Submission(student, "toy.ipynb", cycle.submitted(student).read_bytes(), "toy")
    record = grading.grade_bytes(item, SEED)
    return {
        f"check-{v['check'].replace('_', '-')}": (v["score"], None, 0) for v in record["verdicts"]
    }


def all_of(zero_point, thresholds, size):
    return {
        "check-zero-point": (zero_point, None, 0),
        "check-thresholds": (thresholds, None, 0),
        "check-size": (size, None, 0),
    }


def test_scores_are_those_of_course_grade(cycle):
    assert cycle.scores("bob") == expected(cycle, "bob")


def test_full_part_and_no_points_are_entered(cycle):
    assert cycle.scores("ada") == all_of(3, 2, 1)
    assert cycle.scores("bob") == all_of(0, 0.5, 0)
    assert cycle.scores("blank") == all_of(0, 0, 0)


@pytest.mark.parametrize("student", ["double", "deleted", "marked", "renamed"])
def test_damage_that_leaves_the_answers_costs_nothing(cycle, student):
    assert cycle.scores(student) == all_of(3, 2, 1)


@pytest.mark.parametrize(
    ("student", "reason"),
    [
        ("garbage", "toy.ipynb is not valid JSON"),
        ("empty", "toy.ipynb is empty."),
        ("link", "toy.ipynb is not a regular file."),
    ],
)
def test_what_cannot_be_graded_gets_no_points_and_a_reason(cycle, student, reason):
    assert cycle.scores(student) == all_of(0, 0, 0)
    shown = "".join(
        output.data["text/plain"]
        for cell in cycle.autograded(student).cells
        for output in cell.get("outputs", [])
    )
    assert reason in shown


def test_no_submission_stops_the_batch(cycle):
    assert "There was an error processing assignment" not in cycle.log
    everybody = {*cycle.others, "ada", "link", "renamed"}
    assert {name for (name,) in cycle.query("SELECT id FROM student")} == everybody


def test_a_time_that_is_none_is_set_aside(cycle):
    names = {path.name for path in cycle.submitted("blank").parent.iterdir()}
    assert names == {"toy.ipynb", "timestamp.unreadable"}


def test_the_time_of_handing_in_is_entered(cycle):
    times = dict(cycle.query("SELECT student_id, timestamp FROM submitted_assignment"))
    assert times["ada"]
    assert times["blank"] is None


def test_findings_are_the_comments(cycle):
    rows = cycle.query(
        "SELECT base_cell.name, auto_comment FROM comment"
        " JOIN base_cell ON base_cell.id = comment.cell_id"
        " JOIN submitted_notebook ON submitted_notebook.id = comment.notebook_id"
        " JOIN submitted_assignment"
        "   ON submitted_assignment.id = submitted_notebook.assignment_id"
        " WHERE student_id = 'bob'"
    )
    comments = dict(rows)
    assert comments["task-thresholds"].startswith("0.5 of 2 points.\n\n- Lower one: 6.5 mph")
    assert "Lower it." in comments["task-thresholds"]


def test_exported_grades_are_ours(cycle):
    with (cycle.folder / "grades.csv").open(newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert (rows["ada"]["score"], rows["ada"]["max_score"]) == ("6.0", "6.0")
    assert rows["bob"]["score"] == "0.5"
    assert rows["garbage"]["score"] == "0.0"


# --- what is shown ----------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects where on a page the learner's words stand, as the tags and classes around them."""

    VOID = frozenset(("meta", "link", "br", "img", "input", "hr", "path"))

    def __init__(self, page):
        super().__init__()
        self.around, self.formulas, self.words = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        assert not any("javascript:" in (value or "") for value in values.values())
        if tag not in self.VOID:
            self.around.append((tag, f"{tag} {values.get('class', '')}"))

    def handle_endtag(self, tag):
        while self.around and self.around.pop()[0] != tag:
            continue

    def handle_data(self, data):
        around = " ".join(names for _, names in self.around)
        if "alert(" in data:
            self.words.append(around)
        if re.search(r"\$.*href", data):
            self.formulas.append(around)


def test_cards_and_scores_are_the_only_outputs(cycle):
    shown = {}
    for cell in cycle.autograded("bob").cells:
        if cell.cell_type == "code" and cell.outputs:
            kinds = [output.output_type for output in cell.outputs]
            shown[cell.metadata["nbgrader"]["grade_id"]] = kinds[-2:], cell.outputs[-1].data
    card = ["display_data", "execute_result"]
    assert shown == {
        "check-zero-point": (card, {"text/plain": "0.0"}),
        "check-thresholds": (card, {"text/plain": "0.5"}),
        "check-size": (card, {"text/plain": "0.0"}),
    }


def test_feedback_shows_every_card_and_score(cycle):
    page = cycle.feedback("bob")
    assert page.count('class="on-device-card"') == 3
    assert "Lower it." in page
    assert "0.5 / 2.0" in page
    assert "Map low to -128." in page


def check_markup(page):
    """Nothing of what bob wrote is a tag, a script or a formula; returns where it stands."""
    assert SCRIPT not in page
    found = Page(page)
    assert found.words
    assert not [around for around in found.words if "script" in around or "style" in around]
    assert found.formulas
    # what MathJax leaves alone
    assert all("tex2jax_ignore" in around or "pre" in around for around in found.formulas)


def test_feedback_escapes_what_a_learner_wrote(cycle):
    check_markup(cycle.feedback("bob"))


def test_feedback_shows_no_hidden_inputs(cycle):
    graded = submission.grade(cycle.submitted("bob"), seed=SEED)
    (example,) = [item.example for item in graded.verdicts[0].findings if item.example]
    inputs = re.findall(r"-?\d+\.\d+", example)
    assert len(inputs) >= 2
    page = cycle.feedback("bob")
    assert not [number for number in inputs if number in page]


# --- regrading --------------------------------------------------------------------------------


def test_a_score_set_by_hand_survives_a_regrade(cycle):
    cycle.query(
        "UPDATE grade SET manual_score = 2.5, extra_credit = 0.25, auto_score = 0 WHERE id IN"
        " (SELECT grade.id FROM grade JOIN base_cell ON base_cell.id = grade.cell_id"
        "  JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id"
        "  JOIN submitted_assignment"
        "    ON submitted_assignment.id = submitted_notebook.assignment_id"
        "  WHERE student_id = 'renamed' AND base_cell.name = 'check-zero-point')"
    )
    assert cycle.scores("renamed")["check-zero-point"] == (0, 2.5, 0)
    cycle.nbgrader("autograde toy --student=renamed --force")
    assert cycle.scores("renamed")["check-zero-point"] == (3, 2.5, 0)


def test_staging_again_leaves_the_instructors_work_alone(cycle):
    before = {
        path: path.read_bytes()
        for path in cycle.folder.rglob("*")
        if path.is_file() and "source" not in path.relative_to(cycle.folder).parts
    }
    cycle.stage()
    after = {path: path.read_bytes() for path in before}
    assert after == before


# --- formgrader -------------------------------------------------------------------------------


@pytest.fixture
def formgrader(cycle):
    """Base address of a Jupyter server with formgrader in the cycle, and its token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "jupyter_server", "--no-browser", "--allow-root",
         f"--port={port}", "--IdentityProvider.token=secret",
         f"--ServerApp.root_dir={cycle.folder}",
         "--ServerApp.jpserver_extensions={'nbgrader.server_extensions.formgrader': True}"],
        cwd=cycle.folder, env=cycle.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def get(path):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}")
        request.add_header("Authorization", "token secret")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()

    try:
        deadline = time.monotonic() + 40
        while True:
            try:
                get("api/status")
                break
            except OSError:
                assert server.poll() is None, "The server ended."
                assert time.monotonic() < deadline, "The server did not start."
                time.sleep(0.2)
        yield get
    finally:
        server.terminate()
        server.wait(20)


def test_formgrader_shows_the_assignment_and_a_submission(cycle, formgrader):
    status, page = formgrader("formgrader/manage_assignments")
    assert (status, "Formgrader" in page or "nbgrader" in page) == (200, True)
    status, text = formgrader("formgrader/api/assignments")
    assert json.loads(text)[0]["num_submissions"] == 10
    (found,) = cycle.query(
        "SELECT submitted_notebook.id FROM submitted_notebook JOIN submitted_assignment"
        " ON submitted_assignment.id = submitted_notebook.assignment_id WHERE student_id = 'bob'"
    )
    status, page = formgrader(f"formgrader/submissions/{found[0]}/")
    assert status == 200
    assert page.count('class="on-device-card"') == 3
    check_markup(page)
