"""A learner's notebook: what is read of it, what runs, and what nobody can earn by cheating."""

import copy
import json
import os

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder import build, cells, submission
from autograder.sandbox import Limits
from autograder.submission import SubmissionError

posix = pytest.mark.skipif(os.name != "posix", reason="Pipes, links and sparse files of POSIX.")

IDS = ["task-zero-point", "check-zero-point", "task-thresholds", "check-thresholds", "task-size",
       "check-size"]  # fmt: skip


@pytest.fixture
def ours(toy):
    return build.notebook(cells.read(toy), "learner")


@pytest.fixture
def solved(toy):
    """The toy's solution as a learner hands it in."""
    return json.loads(build.text(cells.read(toy), "solution"))


@pytest.fixture
def blank(toy):
    return json.loads(build.text(cells.read(toy), "learner"))


@pytest.fixture
def grade(tmp_path):
    """Grades a notebook given as a dict; returns points by check and the notes as one text."""

    def run(record, name="toy.ipynb", **options):
        path = tmp_path / name
        path.write_text(json.dumps(record), "utf-8")
        graded = submission.grade(path, **{"seed": 5, **options})
        assert graded.points == 6
        return {verdict.check: verdict.score for verdict in graded.verdicts}, "\n".join(
            graded.notes
        )

    return run


def cell(record, cell_id):
    return next(cell for cell in record["cells"] if cell.get("id") == cell_id)


@pytest.fixture
def rebuilt(ours):
    """What would run: the answers by task, the ids in order, and the notes."""

    def run(record):
        notebook, notes = submission.rebuild(record, ours)
        nbformat.validate(notebook)
        answers = {each.id: each.source for each in notebook.cells if each.id.startswith("task-")}
        return answers, [each.id for each in notebook.cells], notes

    return run


def added(text, cell_id="mine", kind="code"):
    made = {"cell_type": kind, "id": cell_id, "metadata": {}, "source": text}
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def insert(record, before, text, **options):
    place = record["cells"].index(cell(record, before))
    record["cells"].insert(place, added(text, **options))


ALL = {"zero_point": 3, "thresholds": 2, "size": 1}
NONE = dict.fromkeys(ALL, 0)


# --- honest work ------------------------------------------------------------------------------


def test_a_blank_notebook_earns_nothing_and_is_told_why(blank, grade, tmp_path):
    assert grade(blank) == (NONE, "")
    graded = submission.grade(tmp_path / "toy.ipynb", seed=5)
    assert all(verdict.findings[0].next for verdict in graded.verdicts)


def test_a_solution_earns_every_point(solved, grade):
    assert grade(solved) == (ALL, "")


def test_part_of_the_work_earns_its_part(solved, grade):
    cell(solved, "task-zero-point")["source"] = "def zero_point(low, scale):\n    return 0\n"
    cell(solved, "task-thresholds")["source"] = "best = (2.0, 1.0)"
    assert grade(solved)[0] == {"zero_point": 0, "thresholds": 1.5, "size": 1}


def test_the_result_says_module_points_titles_and_the_seed(solved, tmp_path):
    (tmp_path / "toy.ipynb").write_text(json.dumps(solved))
    graded = submission.grade(tmp_path / "toy.ipynb")
    assert graded.titles == [
        "Zero point of an asymmetric int8 tensor", "Two thresholds", "How large an int8 is"
    ]  # fmt: skip
    record = json.loads(json.dumps(graded.to_json()))
    assert (record["module"], record["score"], record["points"]) == ("toy", 6, 6)
    again = submission.grade(tmp_path / "toy.ipynb", seed=record["seed"])
    assert again.verdicts == graded.verdicts
    assert submission.grade(tmp_path / "toy.ipynb").seed != record["seed"]


def test_answers_for_the_public_inputs_alone_earn_nothing(solved, toy, grade):
    check = build.checks_of(cells.read(toy))["zero_point"]
    known = {call: round(-128 - call[0] / call[1]) for call in check.draw(0).calls}
    cell(solved, "task-zero-point")["source"] = (
        f"known = {known}\ndef zero_point(low, scale):\n    return known.get((low, scale), 0)"
    )
    assert grade(solved)[0] == ALL | {"zero_point": 0}


def test_cells_of_ones_own_run_where_they_stand_and_earn_nothing_themselves(solved, grade):
    insert(
        solved, "task-zero-point", "def helper(low, scale):\n    return round(-128 - low / scale)"
    )
    cell(solved, "task-zero-point")["source"] = (
        "def zero_point(low, scale):\n    return helper(low, scale)"
    )
    insert(solved, "check-zero-point", "check.zero_point(None)", cell_id="before")
    insert(solved, "check-zero-point", "", cell_id="empty")
    insert(solved, "check-zero-point", "1 / 0", cell_id="note", kind="markdown")
    solved["cells"].append(added("check.zero_point(None)\nchoice = 'a'\ncheck.size(choice)"))
    assert grade(solved) == (ALL, "")


def test_a_cell_that_raises_is_named_and_the_rest_goes_on(solved, grade):
    cell(solved, "task-thresholds")["source"] = "best = 1 / 0\n"
    points, notes = grade(solved)
    assert points == ALL | {"thresholds": 0}
    assert "'best = 1 / 0', raised ZeroDivisionError: division by zero." in notes


def test_a_check_that_got_nothing_names_what_its_task_raised(solved, tmp_path):
    cell(solved, "task-zero-point")["source"] = "def zero_point(low:\n"
    path = tmp_path / "toy.ipynb"
    path.write_text(json.dumps(solved), "utf-8")
    verdict = submission.grade(path, seed=5).verdicts[0]
    assert verdict.score == 0
    assert "the task's cell raised SyntaxError" in verdict.findings[0].detail


# --- notebooks that went through other hands ------------------------------------------------------


def test_source_may_be_one_text_or_a_list_of_lines(solved, rebuilt):
    expected = rebuilt(solved)
    for each in solved["cells"]:
        text = "".join(each["source"])
        each["source"] = text if isinstance(each["source"], list) else text.splitlines(True)
    assert rebuilt(solved) == expected


def test_other_ids_do_no_harm(solved, rebuilt):
    expected = rebuilt(solved)
    for number, each in enumerate(solved["cells"]):
        each["id"] = f"new-{number}"
    assert rebuilt(solved) == expected


def test_other_metadata_does_no_harm(solved, rebuilt):
    expected = rebuilt(solved)
    for each in solved["cells"]:
        each["metadata"] = {"course": {"task": "size", "variant": "x"}, "editable": True}
    assert rebuilt(solved) == expected


def test_older_notebooks_without_ids_are_read(solved, grade):
    for each in solved["cells"]:
        del each["id"]
    solved["nbformat_minor"] = 0
    assert grade(solved) == (ALL, "")


def test_without_ids_and_metadata_work_is_found_by_its_place(solved, grade):
    for number, each in enumerate(solved["cells"]):
        each["id"], each["metadata"] = f"new-{number}", {}
    points, notes = grade(solved)
    assert points == ALL
    assert "is missing; it was put back" in notes


@pytest.mark.parametrize(
    "odd",
    [None, 3, [], "x", {"task": 3}, {"task": ["size"]}, {"check": {"a": 1}}, {"task": None}],
    ids=repr,
)
def test_odd_ids_and_metadata_are_not_stumbled_over(solved, rebuilt, odd):
    for each in solved["cells"]:
        each["id"], each["metadata"] = odd, {"course": odd}
    assert set(IDS) <= set(rebuilt(solved)[1])


def test_half_a_surrogate_pair_is_not_stumbled_over(solved, grade):
    insert(solved, "task-zero-point", "text = '\ud800'")
    assert grade(solved)[0] == ALL


# --- locked cells -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", "print('3 of 3 points')", "check.zero_point(lambda *_: 7)", "1/0"]
)
def test_an_edited_check_is_replaced_by_ours(solved, ours, text):
    cell(solved, "check-zero-point")["source"] = text
    notebook, notes = submission.rebuild(solved, ours)
    assert notes == ["The cell 'check.zero_point(zero_point)' was edited; ours ran instead."]
    assert text not in [each.source for each in notebook.cells] or text == ""


def test_an_edited_check_earns_what_the_answer_earns(blank, grade):
    for name in ("zero-point", "thresholds", "size"):
        cell(blank, f"check-{name}")["source"] = "print('all points')"
    points, notes = grade(blank)
    assert points == NONE
    assert notes.count("was edited; ours ran instead") == 3


def test_an_edited_given_cell_is_replaced_and_said(solved, ours):
    given = next(each for each in solved["cells"] if "speeds = [" in "".join(each["source"]))
    given["source"] = "speeds = []"
    _, notes = submission.rebuild(solved, ours)
    assert notes == ["The cell 'speeds = [1.0, 2.0, 7.0, 8.0]' was edited; ours ran instead."]


def test_deleted_cells_are_put_back_in_their_place(solved, rebuilt):
    expected, order, _ = rebuilt(solved)
    solved["cells"] = [each for each in solved["cells"] if not each["id"].startswith("check")]
    answers, ids, notes = rebuilt(solved)
    assert (answers, ids) == (expected, order)
    assert notes[0] == "The cell 'check.zero_point(zero_point)' is missing; it was put back."
    assert len(notes) == 3


def test_a_deleted_task_is_put_back_blank_and_said(solved, rebuilt):
    solved["cells"].remove(cell(solved, "task-thresholds"))
    answers, _, notes = rebuilt(solved)
    assert answers["task-thresholds"] == "best = None  # (lower, upper)"
    assert notes == ["The cell 'best = None  # (lower, upper)' is missing; it was put back."]


def test_an_answer_in_place_of_a_deleted_task_counts(solved, grade):
    insert(solved, "task-thresholds", "best = (2.5, 6.5)")
    solved["cells"].remove(cell(solved, "task-thresholds"))
    assert grade(solved)[0] == ALL


def test_two_cells_of_one_task_both_run_in_their_order(solved, grade):
    insert(solved, "check-size", "choice = 'a'", cell_id="task-size")
    points, notes = grade(solved)
    assert points == ALL | {"size": 0}
    assert "The cell \"choice = 'a'\" stands twice; both ran." in notes


def test_a_check_that_stands_twice_counts_once(solved, grade):
    solved["cells"].append(added("choice = 'a'"))
    solved["cells"].append(copy.deepcopy(cell(solved, "check-size")))
    assert grade(solved)[0] == ALL


def test_cells_in_any_order_run_in_ours(solved, rebuilt):
    expected = rebuilt(solved)
    solved["cells"].reverse()
    assert rebuilt(solved) == expected


def test_prose_is_ours(solved, ours):
    solved["cells"][0]["source"] = "<script>alert(1)</script>"
    notebook, notes = submission.rebuild(solved, ours)
    assert notebook.cells[0].source == "# Toy"
    assert notes == []


@settings(max_examples=60)
@given(data=st.data())
def test_whatever_is_handed_in_our_cells_run_once_in_our_order(rebuildable, data):
    record, ours = rebuildable
    known = st.sampled_from(record["cells"])
    own = st.builds(
        added, st.text(max_size=9), st.one_of(st.sampled_from(IDS), st.text(max_size=3))
    )
    chosen = data.draw(st.lists(st.one_of(known, own), max_size=12))
    notebook, notes = submission.rebuild({"cells": copy.deepcopy(chosen)}, ours)
    nbformat.validate(notebook)
    wanted = [each.id for each in ours.cells]
    assert [each.id for each in notebook.cells if each.id in wanted] == wanted
    ran = {each.id: each for each in notebook.cells}
    for each in ours.cells:
        if "task" not in each.metadata.get("course", {}):
            assert ran[each.id].source == each.source
        if "check" in each.metadata.get("course", {}):
            assert ran[each.id].metadata["course"]["variant"] == submission.GRADED
    graded = [each for each in notebook.cells if each.metadata["course"]["variant"] == "graded"]
    assert len(graded) == 3
    assert all(isinstance(note, str) and note.isprintable() for note in notes)


@pytest.fixture(scope="module")
def rebuildable(course_root):
    source = cells.read(course_root / "modules" / "01_toy" / "toy.py")
    return json.loads(build.text(source, "solution")), build.notebook(source, "learner")


# --- files that are no notebook of ours -----------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.ipynb is empty."),
        (b"{", "x.ipynb is not valid JSON; save the notebook once more."),
        (b"\xff\xfe\x00", "x.ipynb is not valid JSON"),
        (b"[" * 100_000, "x.ipynb is not valid JSON"),
        (b"9" * 5000, "x.ipynb is not valid JSON"),
        (b"null", "x.ipynb is not a version 4 notebook."),
        (b"[]", "x.ipynb is not a version 4 notebook."),
        (b'{"nbformat": 3, "worksheets": []}', "x.ipynb is not a version 4 notebook."),
        (b'{"nbformat": [4]}', "x.ipynb is not a version 4 notebook."),
        (b'{"nbformat": 4}', "x.ipynb breaks the notebook format."),
        (b'{"nbformat": 4, "cells": {}}', "x.ipynb breaks the notebook format."),
        (b'{"nbformat": 4, "cells": [], "metadata": 3}', "x.ipynb breaks the notebook format."),
        (b'{"nbformat": 4, "cells": [3]}', "x.ipynb breaks the notebook format in cell 1."),
        (b'{"nbformat": 4, "cells": [{}]}', "x.ipynb breaks the notebook format in cell 1."),
        (
            b'{"nbformat": 4, "cells": [{"cell_type": "raw", "source": "", "metadata": {}}, '
            b'{"cell_type": "code", "source": [1], "metadata": {}}]}',
            "x.ipynb breaks the notebook format in cell 2.",
        ),
        (
            b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "", "metadata": []}]}',
            "x.ipynb breaks the notebook format in cell 1.",
        ),
        (
            b'{"nbformat": 4, "cells": []}',
            "x.ipynb is no notebook of this course; the modules are toy",
        ),
        (
            b'{"nbformat": 4, "cells": [], "metadata": {"course": {"slug": ["toy"]}}}',
            "x.ipynb is no notebook of this course",
        ),
    ],
)
def test_what_is_no_notebook_is_answered_in_a_sentence(tmp_path, content, message):
    (tmp_path / "x.ipynb").write_bytes(content)
    with pytest.raises(SubmissionError) as caught:
        submission.grade(tmp_path / "x.ipynb")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


@given(st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["cells", "cell_type", "source", "metadata", "course"]), inner
        ),
    ),
    max_leaves=10,
))  # fmt: skip
def test_any_json_is_a_notebook_or_answered_in_a_sentence(rebuildable, tree):
    content = (
        {"nbformat": 4, "cells": [tree]} if not isinstance(tree, dict) else {"nbformat": 4} | tree
    )
    try:
        record = submission.parse(json.dumps(content).encode(), "x.ipynb")
    except SubmissionError:
        return
    submission.rebuild(record, rebuildable[1])


@posix
def test_a_huge_file_is_refused_unread(tmp_path):
    (tmp_path / "x.ipynb").touch()
    os.truncate(tmp_path / "x.ipynb", 1 << 40)
    with pytest.raises(SubmissionError, match=r"the limit is 21 MB\. Clear its outputs"):
        submission.load(tmp_path / "x.ipynb")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(SubmissionError, match=r"There is no file x\.ipynb\."):
        submission.load(tmp_path / "x.ipynb")
    (tmp_path / "x.ipynb").mkdir()
    with pytest.raises(SubmissionError, match="not a regular file"):
        submission.load(tmp_path / "x.ipynb")


@posix
def test_links_and_pipes_are_refused(tmp_path):
    (tmp_path / "x.ipynb").symlink_to("/etc/hostname")
    with pytest.raises(SubmissionError, match="not a regular file"):
        submission.load(tmp_path / "x.ipynb")
    (tmp_path / "x.ipynb").unlink()
    os.mkfifo(tmp_path / "x.ipynb")
    with pytest.raises(SubmissionError, match="not a regular file"):
        submission.load(tmp_path / "x.ipynb")


def test_a_module_is_known_by_metadata_file_name_or_word(solved, tmp_path):
    assert submission.module_of(solved, tmp_path / "x.ipynb") == "toy"
    solved["metadata"] = {}
    assert submission.module_of(solved, tmp_path / "toy.ipynb") == "toy"
    assert submission.module_of(solved, tmp_path / "toy (new version).ipynb") == "toy"
    with pytest.raises(SubmissionError, match="toy, kinds"):
        submission.module_of(solved, tmp_path / "toys.ipynb")


def test_a_module_can_be_named(solved, grade):
    solved["metadata"] = {}
    assert grade(solved, "answer.ipynb", module="toy") == (ALL, "")
    with pytest.raises(LookupError, match="'tyo'"):
        grade(solved, module="tyo")


# --- runs that go wrong -----------------------------------------------------------------------


def test_leaving_early_keeps_what_was_handed_in_before(solved, grade):
    insert(solved, "task-thresholds", "import os; os._exit(0)")
    points, notes = grade(solved)
    assert points == {"zero_point": 3, "thresholds": 0, "size": 0}
    assert "The notebook did not run to its end: it ended with exit code 0." in notes


def test_leaving_in_an_ordinary_way_does_not_end_the_run(solved, grade):
    for number, text in enumerate(["raise SystemExit", "exit()", "raise KeyboardInterrupt"]):
        insert(solved, "task-zero-point", text, cell_id=f"own-{number}")
    assert grade(solved)[0] == ALL


def test_a_loop_without_end_costs_what_comes_after_it(solved, grade):
    insert(solved, "task-size", "while True: pass")
    points, notes = grade(solved, limits=Limits(wall_seconds=4))
    assert points == ALL | {"size": 0}
    assert "did not run to its end: it ran longer than 4 seconds." in notes


def test_floods_of_words_do_no_harm(solved, grade):
    insert(solved, "task-size", "import sys\nfor _ in range(50):\n    print('x' * (1 << 20))\n"
           "    print('x' * (1 << 20), file=sys.stderr)")  # fmt: skip
    assert grade(solved) == (ALL, "")


# --- cheating ---------------------------------------------------------------------------------

FORGE = """
import json, os, pathlib
place = pathlib.Path(os.environ["COURSE_EVIDENCE"]).parent
for base in (place, place / "graded", place / "evidence", place / "evidence" / "graded"):
    for name, value in (("zero_point", [0] * 5), ("thresholds", [2e9, 1e9]), ("size", "a")):
        try:
            folder = base / "set-0" / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "arrays.bin").write_bytes(b"")
            (folder / "evidence.json").write_text(json.dumps(value))
            (folder / "verdicts.jsonl").write_text("{}")
        except OSError:
            pass
os._exit(0)
"""
PATCH = """
import autograder, autograder.check, autograder.evidence, autograder.judge, autograder.notebook
import autograder.require, autograder.expect
from autograder import Finding, Verdict

Verdict.passed = Verdict.fraction = Verdict.score = property(lambda self: 1.0)
Finding.holds = True
for name in ("equal", "close", "at_least", "at_most", "holds"):
    setattr(autograder.require, name, lambda *_, **__: Finding("Right", True))
autograder.check.evaluate = autograder.notebook.evaluate = lambda *_: Verdict("x", 1)
autograder.expect.Number.normalise = autograder.expect.Array.normalise = lambda self, value: 1
autograder.evidence.Calls.observe = lambda self, answer, calls: [{"holds": True}] * len(calls)
autograder.evidence.load = lambda folder: None
autograder.judge.judge_folder = lambda *_, **__: {}
import builtins
builtins.round = lambda *_: 0
"""
TRANSFORM = """
import ast
class Strip(ast.NodeTransformer):
    def visit_Call(self, node):
        return ast.Constant(True)
get_ipython().ast_transformers.append(Strip())
get_ipython().input_transformers_post.append(lambda lines: ["pass"])
"""
DISCONNECT = """
import os
os.environ["COURSE_EVIDENCE"] = "."
os.environ.pop("COURSE_INPUTS")
check = type("Check", (), {"__getattr__": lambda self, name: lambda answer: "all points"})()
"""


@pytest.mark.parametrize("trick", [FORGE, PATCH, TRANSFORM, DISCONNECT],
                         ids=["forge", "patch", "transform", "disconnect"])  # fmt: skip
def test_no_trick_earns_a_point(blank, grade, trick):
    insert(blank, "task-zero-point", trick)
    assert grade(blank)[0] == NONE


def test_evidence_forged_at_the_end_counts_for_what_it_says(solved, grade):
    solved["cells"].append(added(FORGE))
    assert grade(solved)[0] == NONE


def test_a_link_in_place_of_evidence_earns_nothing(blank, grade):
    trick = (
        "import os, pathlib, shutil\n"
        "place = pathlib.Path(os.environ['COURSE_EVIDENCE']).parent\n"
        "shutil.rmtree(place / 'graded', ignore_errors=True)\n"
        "(place / 'graded').symlink_to('/')\n"
        "os._exit(0)"
    )
    blank["cells"].append(added(trick))
    assert grade(blank)[0] == NONE


def test_the_seed_and_the_judges_are_out_of_reach(solved, grade, tmp_path):
    """What a run can see holds the seed neither in a variable nor in a file it was given."""
    look = (
        "import os, pathlib\n"
        "seen = [repr(os.environ)]\n"
        "for path in pathlib.Path(os.environ['COURSE_INPUTS']).rglob('*'):\n"
        "    seen.append(str(path))\n"
        "    seen += [path.read_bytes().decode('latin-1')] if path.is_file() else []\n"
        "assert '918273645546372819' not in ''.join(seen)"
    )
    insert(solved, "task-zero-point", look)
    assert grade(solved, seed=918273645546372819) == (ALL, "")
