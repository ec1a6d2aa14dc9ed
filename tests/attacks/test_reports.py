"""Names and words of learners where others read them: records, tables, pages; and a whole class."""

import contextlib
import csv
import io
import json
import os
import re
import tempfile

import pytest
from distributed import LocalCluster

from autograder import grading, submission
from autograder.grading import Submission
from autograder.report import write_report
from tests.attacks.firing_range import ALL, NONE, RIGHT, SEED, notes, place, points, why

NAMES = [
    "<script>alert(1)</script>", "../../../etc", "..", "eve\n=cmd|'/c calc'!A1", '=HYPERLINK("x")',
    "+1+1", "-1+1", "@SUM(A1)", "\t=1", "x" * 300, "eve\u202egpj.exe", "\x1b[2J\x07", "CON",
    "nul.txt", "eve'); DROP TABLE grade;--", "{{ 7 * 7 }}", "%s%n", "$(reboot)", "`id`", "a/b\\c",
    "", "陳 Ångström", "\U0001f600", "\ud800",
]  # fmt: skip


@pytest.fixture
def records(the_range, tmp_path):
    """Records of learners with such names, who handed in nothing that can be read."""
    items = [Submission(name, f"{name}/toy.ipynb", b"", "toy", "unreadable", f"{name} is empty.")
             for name in NAMES]  # fmt: skip
    return [the_range.grade(item) for item in items]


def test_no_cell_of_the_table_is_a_formula(records, the_range):
    with the_range.around():
        text = grading.to_csv(records)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(NAMES) * len(ALL)
    for row in rows:
        for cell in row.values():
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_pages_escape_names_and_stay_in_their_folder(records, the_range):
    folder = the_range.folder / "pages"
    with the_range.around():
        write_report(records, folder)
    pages = [path for path in folder.rglob("*") if path.is_file()]
    assert len(pages) > len(NAMES) // 2
    for path in pages:
        assert path.resolve().is_relative_to(folder.resolve())
        assert len(path.name) < 200
        if path.suffix == ".html":
            text = path.read_text("utf-8")
            assert "<script>alert" not in text
            assert "49" not in re.findall(r"Feedback for (\w+)", text)
    assert sorted(os.listdir(the_range.folder.parent)) == ["range"]


SHOUT = '<img src=x onerror="alert(1)">\x1b[2J\u202e\nTotal: 6 of 6\r\n'


def test_words_of_a_learner_stay_words_of_a_learner(attack, the_range):
    """In messages, names of exceptions, choices, sources and prints."""
    record = attack(
        last=[f"raise Exception({SHOUT!r})", f"# {SHOUT.splitlines()[0]}\n1 / 0"],
        answers={
            "zero-point": "def zero_point(low, scale):\n"
            f"    raise type('<b>', (Exception,), {{}})({SHOUT!r})",
            "thresholds": "best = type('<i>', (), {})()",
            "size": f"choice = {SHOUT!r}",
        },
    )
    assert points(record) == NONE
    said = notes(record) + "".join(why(record, check) for check in ALL)
    assert "onerror" in said  # shown to the learner and the instructor, as text on one line
    assert not set(said.replace("\n", "")) & set("\x1b\u202e\r")
    assert "\nTotal" not in said
    with the_range.around():
        write_report([record], the_range.folder / "pages")
    for path in (the_range.folder / "pages").rglob("*.html"):
        text = path.read_text("utf-8")
        assert not re.search(r"<(img src=x|i>|b>)", text)


def test_dozens_of_complaints_are_cut_to_a_page(attack):
    record = attack(last=[f"raise Exception('{'x' * 9999}')"] * 80, answers=RIGHT)
    assert points(record) == ALL
    assert record["notes"][-1] == "There are 30 more notes like these."
    assert len(json.dumps(record)) < 30_000


@contextlib.contextmanager
def workers(count):
    """A cluster in this process, where the small course is the course."""
    with tempfile.TemporaryDirectory() as scratch, LocalCluster(
        n_workers=count, threads_per_worker=1, processes=False, dashboard_address=":0",
        local_directory=scratch,
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address


def test_an_attack_costs_no_honest_learner_anything(the_range, blank, solved, bubblewrap):
    """A class of six on two workers; three of them attack the others."""
    attacks = {
        # With nobody else in its namespace, the first of them raises.
        "eve": (
            "import contextlib, os, signal\n"
            "with contextlib.suppress(ProcessLookupError):\n"
            "    os.kill(-1, signal.SIGKILL)\n"
            "os.kill(0, signal.SIGKILL)"
        ),
        "mallory": "import os\nos.write(2, b'x' * (50 << 20))\nos.abort()",
        "trudy": (
            "import glob, os, shutil\n"
            "for path in glob.glob('/tmp/*') + glob.glob('/dev/shm/*'):\n"
            "    shutil.rmtree(path, ignore_errors=True)\n"
            "os._exit(0)"
        ),
    }
    submitted = the_range.folder / "submitted"
    for name in ("ada", "ben", "cleo", *attacks):
        record = json.loads(json.dumps(solved))
        if name in attacks:
            place(record, "task-thresholds")["source"] = attacks[name]
        (submitted / name).mkdir()
        (submitted / name / "toy.ipynb").write_text(json.dumps(record))
    results = the_range.folder / "results"
    items = the_range.collect(submitted)
    with workers(2) as scheduler, the_range.around():
        records = grading.grade_all(items, SEED, results=results, scheduler=scheduler)
    by_name = {record["student"]: record for record in records}
    assert len(records) == len(os.listdir(results)) == 6
    for name, record in by_name.items():
        the_range.look_around(record)
        if name in attacks:
            # Trudy's sweep takes her own evidence with it, and nobody else's.
            assert points(record) == NONE | ({} if name == "trudy" else {"zero_point": 3})
            assert record["status"] == "stopped"
        else:
            assert points(record) == ALL
            assert record["status"] == "graded"


def test_a_submission_that_takes_the_grader_down_gets_a_row_and_no_grade(
    the_range, solved, monkeypatch
):
    """Should a hole remain, it costs one row, and the next run tries again."""
    submitted = the_range.folder / "submitted"
    for name in ("ada", "eve"):
        (submitted / name).mkdir()
        record = solved | {"metadata": solved["metadata"] | {"of": name}}
        (submitted / name / "toy.ipynb").write_text(json.dumps(record))
    honest = submission.grade

    def grade(path, **options):
        if b'"of": "eve"' in path.read_bytes():
            raise RecursionError("a hole")
        return honest(path, **options)

    monkeypatch.setattr(submission, "grade", grade)
    items, results = the_range.collect(submitted), the_range.folder / "results"
    with workers(1) as scheduler, the_range.around():
        ada, eve = grading.grade_all(items, SEED, results=results, scheduler=scheduler)
    assert points(ada) == ALL
    assert points(eve) == NONE
    assert "RecursionError: a hole" in eve["reason"]
    assert len(os.listdir(results)) == 1
