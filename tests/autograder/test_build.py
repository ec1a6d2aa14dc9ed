"""One source, four views: their bytes, their metadata, and what a learner must not see."""

import hashlib
import json
import os
import subprocess
import sys

import nbformat
import pytest

from autograder import build, cells
from autograder.cells import BEGIN_SOLUTION, STUB, GrammarError

PRINT_HASHES = """
import hashlib, sys
from pathlib import Path
from autograder import build, cells
for view in build.VIEWS:
    text = build.text(cells.read(Path(sys.argv[1])), view)
    print(hashlib.sha256(text.encode()).hexdigest())
"""


@pytest.fixture
def view(toy):
    def make(name):
        return build.notebook(cells.read(toy), name)

    return make


def by_id(notebook):
    return {cell.id: cell for cell in notebook.cells}


def code(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


# --- every view -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", build.VIEWS)
def test_every_view_is_a_valid_notebook_without_outputs(view, name):
    notebook = view(name)
    nbformat.validate(notebook)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("name", build.VIEWS)
def test_every_view_carries_what_the_home_page_reads(view, name):
    course = view(name).metadata["course"]
    assert course["title"] == "Toy"
    assert course["minutes"] == 5
    assert [check["name"] for check in course["checks"]] == ["zero_point", "thresholds", "size"]
    assert [check["points"] for check in course["checks"]] == [3, 2, 1]
    assert course["checks"][1]["title"] == "Two thresholds"


@pytest.mark.parametrize("name", build.VIEWS)
def test_no_view_carries_traces_of_jupytext(view, name):
    text = json.dumps(view(name))
    assert "jupytext" not in text
    assert "lines_to_next_cell" not in text


def test_another_process_with_another_hash_seed_builds_the_same_bytes(toy):
    here = [build.text(cells.read(toy), name) for name in build.VIEWS]
    there = subprocess.check_output(
        [sys.executable, "-P", "-c", PRINT_HASHES, str(toy)],
        env=os.environ | {"PYTHONHASHSEED": "7"},
        text=True,
    )
    assert [hashlib.sha256(text.encode()).hexdigest() for text in here] == there.split()


def test_an_unknown_view_is_refused_by_name(view):
    with pytest.raises(ValueError, match="no view 'teacher'; the views are learner, solution"):
        view("teacher")


# --- learner ----------------------------------------------------------------------------------


def test_the_learner_sees_no_solution_no_wrong_answer_and_no_reason(view, toy):
    source = cells.read(toy)
    shown = {line.strip() for line in code(view("learner")).splitlines()}
    for secret in ("return round(-128 - low / scale)", "best = (2.5, 6.5)", 'choice = "b"',
                   "return round(-low / scale)", "best = (6.5, 2.5)", 'choice = "a"'):  # fmt: skip
        assert secret not in shown
    text = build.text(source, "learner")
    assert "SOLUTION" not in text
    assert not [
        cell.because for cell in source.cells if cell.role == "wrong" and cell.because in text
    ]


def test_the_learner_gets_a_stub_or_a_placeholder(view):
    tasks = by_id(view("learner"))
    assert tasks["task-zero-point"].source.endswith(f'tensor."""\n    {STUB}')
    assert tasks["task-thresholds"].source == "best = None  # (lower, upper)"
    assert tasks["task-size"].source == 'choice = "?"'


def test_checks_are_locked_and_tasks_cannot_be_deleted(view):
    for cell in view("learner").cells:
        if cell.id.startswith("check-"):
            assert cell.metadata["editable"] is False
            assert cell.metadata["deletable"] is False
        elif cell.id.startswith("task-"):
            assert cell.metadata["deletable"] is False
            assert "editable" not in cell.metadata


def test_a_cell_says_which_task_or_check_it_is(view):
    found = by_id(view("learner"))
    assert found["task-zero-point"].metadata["course"] == {"task": "zero-point"}
    assert found["check-zero-point"].metadata["course"] == {"check": "zero_point"}


# --- solution and rehearsal -------------------------------------------------------------------


def test_the_solution_view_differs_from_the_learners_in_its_tasks_alone(view):
    learner, solution = view("learner"), view("solution")
    assert [cell.id for cell in learner.cells] == [cell.id for cell in solution.cells]
    pairs = zip(learner.cells, solution.cells, strict=True)
    differ = [mine.id for mine, theirs in pairs if mine.source != theirs.source]
    assert differ == ["task-zero-point", "task-thresholds", "task-size"]
    assert "return round(-128 - low / scale)" in code(solution)
    assert BEGIN_SOLUTION not in code(solution)


def test_a_rehearsal_checks_solution_then_wrong_answers_then_solution_again(view):
    steps = [
        cell.id.removeprefix("check-zero-point-")
        for cell in view("rehearsal").cells
        if cell.id.startswith("check-zero-point-")
    ]
    assert steps == ["solution", "wrong-1", "refuses-1", "wrong-2", "refuses-2", "restored"]
    found = by_id(view("rehearsal"))
    first, last = found["check-zero-point-solution"], found["check-zero-point-restored"]
    assert first.metadata["course"] == {"variant": "solution", "namespace": "keep"}
    assert last.metadata["course"] == {"variant": "restored", "namespace": "restore"}
    assert found["check-zero-point-refuses-2"].metadata["course"] == {"variant": "wrong-2"}


# --- nbgrader ---------------------------------------------------------------------------------


def test_nbgraders_metadata_is_complete(view):
    found = by_id(view("nbgrader"))
    task, check = (found[f"{role}-zero-point"].metadata["nbgrader"] for role in ("task", "check"))
    assert task == {
        "grade": False, "solution": True, "locked": False, "task": False,
        "grade_id": "task-zero-point", "schema_version": 3,
    }  # fmt: skip
    assert check == {
        "grade": True, "solution": False, "locked": True, "task": False, "points": 3,
        "grade_id": "check-zero-point", "schema_version": 3,
    }  # fmt: skip
    assert not [cell.id for cell in view("learner").cells if "nbgrader" in cell.metadata]


def test_nbgrader_accepts_its_view_and_clears_the_solutions(view):
    reason = "nbgrader is in the grading extra, which is not installed."
    pytest.importorskip("nbgrader", reason=reason)
    from nbgrader import preprocessors
    from nbgrader.nbgraderformat import MetadataValidator

    notebook = view("nbgrader")
    MetadataValidator().validate_nb(notebook)
    for step in (preprocessors.CheckCellMetadata, preprocessors.LockCells,
                 preprocessors.ClearSolutions, preprocessors.ComputeChecksums):  # fmt: skip
        notebook, _ = step().preprocess(notebook, {})
    released = code(notebook)
    assert "SOLUTION" not in released
    assert "return round(-128 - low / scale)" not in released
    assert 'choice = "b"' not in released
    assert released.count("YOUR CODE HERE") == 3
    nbformat.validate(notebook)


# --- checks and files -------------------------------------------------------------------------


def test_a_source_and_its_checks_must_name_the_same(toy_texts, tmp_path):
    source, checks = toy_texts
    (tmp_path / "toy.py").write_text(source, "utf-8")
    (tmp_path / "checks.py").write_text(checks.replace("class Size", "class Width"), "utf-8")
    with pytest.raises(GrammarError, match=r"do not name the same checks: size, width\."):
        build.checks_of(cells.read(tmp_path / "toy.py"))


def test_only_checks_defined_in_the_file_itself_count(toy):
    assert list(build.checks_of(cells.read(toy))) == ["zero_point", "thresholds", "size"]


def test_the_learner_view_is_written_beside_its_source(make_module, toy_texts, monkeypatch):
    path = make_module(*toy_texts)
    notebook = path.with_suffix(".ipynb")
    notebook.unlink()
    monkeypatch.setattr(build.syllabus, "_ROOT", path.parents[2])
    assert build.build("toy") == [notebook]
    assert notebook.read_text("utf-8") == build.text(cells.read(path), "learner")
    assert not list(path.parent.glob("*.part"))


def test_other_views_are_written_below_build(make_module, toy_texts, monkeypatch):
    path = make_module(*toy_texts)
    root = path.parents[2]
    monkeypatch.setattr(build.syllabus, "_ROOT", root)
    assert build.build(view="solution") == [root / "build" / "solution" / "toy" / "toy.ipynb"]


def test_a_folder_can_be_named(tmp_path):
    (written,) = build.build("toy", view="rehearsal", to=tmp_path / "new")
    assert written == tmp_path / "new" / "toy" / "toy.ipynb"
    assert b"\r" not in written.read_bytes()


def test_modules_come_in_order_and_labs_after_them(make_module, toy_texts, monkeypatch):
    source, checks = toy_texts
    path = make_module(source, checks)
    root = path.parents[2]
    for folder, name in (
        ("modules/00_first", "first"),
        ("labs/alone", "alone"),
        ("labs/empty", ""),
    ):
        (root / folder).mkdir(parents=True)
        if name:
            (root / folder / f"{name}.py").write_text("", "utf-8")
    (root / "labs" / "README.md").write_text("", "utf-8")
    monkeypatch.setattr(build.syllabus, "_ROOT", root)
    assert [path.stem for path in build.sources()] == ["first", "toy", "alone"]
    assert [path.stem for path in build.sources("alone")] == ["alone"]


def test_an_unknown_slug_lists_those_that_exist():
    with pytest.raises(LookupError, match=r"no module or lab 'tyo'; there is toy, kinds\."):
        build.build("tyo")


def test_a_lab_needs_no_checks(tmp_path, toy_texts, monkeypatch):
    folder = tmp_path / "labs" / "play"
    folder.mkdir(parents=True)
    header, _, _ = toy_texts[0].partition("# %% [markdown]")
    body = "# %% [markdown]\n# # Play\n\n# %%\nx = 1\n"
    (folder / "play.py").write_text(header.replace("slug: toy", "slug: play") + body, "utf-8")
    monkeypatch.setattr(build.syllabus, "_ROOT", tmp_path)
    (written,) = build.build("play")
    assert nbformat.read(written, 4).metadata["course"]["checks"] == []
