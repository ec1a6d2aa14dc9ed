"""Grading a class: what is collected, what is kept, and what a killed worker or Ctrl-C costs."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import psutil
import pytest

import autograder
from autograder import build, cells, grading, scaffold

posix = pytest.mark.skipif(os.name != "posix", reason="Signals of POSIX.")


@pytest.fixture
def solved(toy):
    build.build("toy")
    return build.text(cells.read(toy), "solution")


@pytest.fixture
def hand_in(tmp_path, toy):
    """Writes files below a folder of submissions and collects them."""
    build.build("toy")
    folder = tmp_path / "submissions"

    def give(files):
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return grading.collect([folder])

    return give


def table(records):
    return list(csv.DictReader(io.StringIO(grading.to_csv(records))))


# --- collecting -------------------------------------------------------------------------------


def test_the_folder_names_the_student_however_deep_the_notebook_lies(hand_in, solved):
    items = hand_in({"ada/toy.ipynb": solved, "grace/week 1/mine/toy.ipynb": solved})
    assert [(item.student, item.module, item.status) for item in items] == [
        ("ada", "toy", ""),
        ("grace", "toy", ""),
    ]


def test_a_notebook_in_no_folder_names_its_student_itself(hand_in, solved):
    (item,) = hand_in({"linus_toy.ipynb": solved})
    assert item.student == "linus"


def test_a_zip_gives_what_its_folder_would(tmp_path, toy, solved):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ada/toy.ipynb", solved)
        archive.writestr("__MACOSX/ada/._toy.ipynb", "x")
        archive.writestr("ada/notes.txt", "x")
    (item,) = grading.collect([path])
    assert (item.student, item.module, item.data) == ("ada", "toy", solved.encode())


def test_one_file_a_student_and_module_is_graded_and_the_other_says_which(hand_in, solved):
    taken, other = hand_in({"ada/toy.ipynb": solved, "ada/toy (new version).ipynb": solved})
    assert (taken.file, taken.status) == ("ada/toy.ipynb", "")
    assert (other.status, other.reason) == ("not graded", "ada/toy.ipynb was graded instead.")


@pytest.mark.parametrize(
    ("text", "status"), [("", "unreadable"), ("{", "unreadable"), ("[]", "unreadable")]
)
def test_what_is_no_notebook_has_a_row_for_each_check_that_says_why(hand_in, text, status):
    (item,) = hand_in({"ada/toy.ipynb": text})
    rows = table([grading.grade_bytes(item, 1)])
    assert [row["check"] for row in rows] == ["zero_point", "thresholds", "size"]
    assert {row["status"] for row in rows} == {status}
    assert {row["score"] for row in rows} == {"0"}
    assert all(row["findings"] for row in rows)


def test_a_missing_folder_is_said_before_anything_is_graded(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        grading.collect([tmp_path / "nowhere"])


# --- one submission ---------------------------------------------------------------------------


def test_the_same_submission_gets_the_same_record(hand_in, solved):
    (item,) = hand_in({"ada/toy.ipynb": solved})
    first, second = (grading.grade_bytes(item, 7) for _ in range(2))
    for record in (first, second):
        del record["seconds"], record["peak_bytes"]
    assert first == second
    assert first["status"] == "graded"
    assert sum(verdict["score"] for verdict in first["verdicts"]) == 6


def test_a_record_holds_no_hidden_inputs(hand_in, solved):
    wrong = solved.replace("round(-128 - low / scale)", "0")
    (item,) = hand_in({"ada/toy.ipynb": wrong})
    record = grading.grade_bytes(item, 7)
    assert "example" not in json.dumps(record)
    assert "you return" not in json.dumps(record)


def test_the_key_changes_with_student_work_and_seed(hand_in, solved):
    first, second = hand_in({"ada/toy.ipynb": solved, "bob/toy.ipynb": solved + " "})
    assert len({grading.key(first, 1), grading.key(first, 2), grading.key(second, 1)}) == 3


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n="])
def test_no_cell_of_the_table_is_a_formula(start):
    record = {
        "student": f"{start}cmd",
        "module": "",
        "status": "unknown module",
        "reason": f"{start}cmd",
        "verdicts": [],
    }
    (row,) = table([record])
    assert row["student"] == row["findings"] == f"'{start.strip()}cmd"


# --- a class, for real ------------------------------------------------------------------------


@pytest.fixture
def small_course(tmp_path):
    """A checkout of its own with one small module, so that Dask's workers find it too."""
    for name in ("course", "autograder"):
        shutil.copytree(Path(autograder.__file__).parents[1] / name, tmp_path / name)
    folder = tmp_path / "modules" / "01_mean"
    folder.mkdir(parents=True)
    for name, template in (("mean.py", scaffold._SOURCE), ("checks.py", scaffold._CHECKS)):
        text = template.replace("{quoted}", "Mean").replace("{title}", "Mean")
        (folder / name).write_text(text.replace("{slug}", "mean"), "utf-8")
    return tmp_path


@pytest.fixture
def command(small_course):
    """Starts the course's command in that checkout."""

    def start(*arguments):
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "course.cli", *map(str, arguments)], cwd=small_course,
            env=os.environ | {"PYTHONPATH": str(small_course)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    return start


@pytest.fixture
def class_of(small_course, command):
    def make(learners):
        for arguments in (["build"], ["build", "--view", "solution", "--to", "solved"]):
            assert command(*arguments).wait() == 0
        for number in range(learners):
            place = small_course / "submissions" / f"learner{number:02d}"
            place.mkdir(parents=True)
            shutil.copy(small_course / "solved" / "mean" / "mean.ipynb", place / "mean.ipynb")
        grade = ["grade", "submissions", "--out", "results.csv", "--no-gradebook", "--seed", "5"]
        return small_course / "results.graded", grade

    return make


def results(folder):
    return list(folder.glob("*.json")) if folder.exists() else []


def wait_for(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def scores(folder):
    with open(folder / "results.csv", encoding="utf-8") as file:
        return {row["student"]: (row["status"], row["score"]) for row in csv.DictReader(file)}


@posix
@pytest.mark.slow
def test_a_killed_worker_loses_nothing_and_nothing_is_graded_twice(class_of, command, small_course):
    kept, grade = class_of(12)
    run = command(*grade, "--workers", "2")
    wait_for(lambda: len(results(kept)) >= 3)
    workers = [
        process for process in psutil.Process(run.pid).children(recursive=True)
        if "multiprocessing.spawn" in " ".join(process.cmdline())
    ]  # fmt: skip
    os.kill(workers[0].pid, signal.SIGKILL)
    assert run.wait(120) == 0, run.stderr.read()
    assert len(results(kept)) == 12
    assert scores(small_course) == {f"learner{n:02d}": ("graded", "2") for n in range(12)}


@posix
@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished_and_the_next_run_goes_on(class_of, command, small_course):
    kept, grade = class_of(12)
    run = command(*grade, "--workers", "1")
    wait_for(lambda: len(results(kept)) >= 2)
    os.kill(run.pid, signal.SIGINT)
    assert run.wait(60) == 130
    assert "Traceback" not in run.stderr.read()
    before = {path: path.stat().st_mtime_ns for path in results(kept)}
    assert 2 <= len(before) < 12
    again = command(*grade)
    assert again.wait(120) == 0, again.stderr.read()
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert scores(small_course) == {f"learner{n:02d}": ("graded", "2") for n in range(12)}
