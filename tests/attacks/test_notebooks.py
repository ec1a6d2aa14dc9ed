"""Files that are not the notebook we handed out: edited, broken, huge, linked, or another's."""

import json
import os

import pytest

from autograder import sandbox
from tests.attacks.firing_range import ALL, NONE, RIGHT, code, notebook, notes, place, points

posix = pytest.mark.skipif(os.name != "posix", reason="Links and pipes of POSIX.")


@pytest.fixture
def half(blank):
    """The toy with its first task solved, worth 3 points."""
    place(blank, "task-zero-point")["source"] = RIGHT["zero-point"]
    return blank


HALF = NONE | {"zero_point": 3}


# --- cells ----------------------------------------------------------------------------------------


def test_deleted_checks_are_put_back(the_range, half):
    half["cells"] = [cell for cell in half["cells"] if not cell["id"].startswith("check-")]
    record = the_range.hand_in(half)
    assert points(record) == HALF
    assert "put back" in notes(record)


def test_a_notebook_without_any_cell_earns_nothing(the_range, half):
    assert points(the_range.hand_in(half | {"cells": []})) == NONE


def test_edited_checks_are_ours_again(the_range, half):
    for cell in half["cells"]:
        if cell["id"].startswith("check-"):
            cell["source"] = "check.size('b'); check.thresholds((2, 3))  # edited"
    record = the_range.hand_in(half)
    assert points(record) == HALF
    assert "was edited; ours ran instead" in notes(record)


def test_doubled_checks_and_tasks_count_once(the_range, half):
    half["cells"] *= 3
    half["cells"].append(place(half, "check-size") | {"source": "check.size('b')"})
    record = the_range.hand_in(half)
    assert points(record) == HALF
    assert "stands twice" in notes(record)


def test_a_check_called_with_the_right_answer_elsewhere_earns_nothing(the_range, half):
    added = [code("check.size('b')\ncheck.thresholds((2.0, 3.0))")]
    half["cells"] = [*half["cells"][:3], *added, *half["cells"][3:], *added]
    assert points(the_range.hand_in(half)) == HALF


def test_reordered_checks_run_in_our_order(the_range, half):
    half["cells"].reverse()
    record = the_range.hand_in(half)
    assert points(record) in (HALF, NONE)  # a reversed notebook may define its names too late


def test_changed_kinds_of_cells_change_nothing(the_range, half):
    for cell in half["cells"]:
        if cell["id"].startswith("check-"):
            cell["cell_type"] = "markdown"
            del cell["outputs"], cell["execution_count"]
    assert points(the_range.hand_in(half)) == HALF


def test_metadata_grade_ids_and_points_of_a_submission_are_not_read(the_range, half):
    for cell in half["cells"]:
        cell["metadata"] = {
            "course": {"task": "size", "check": "size", "points": 1000, "variant": "graded"},
            "nbgrader": {"grade": True, "grade_id": "zero-point", "points": 1000, "locked": False},
            "deletable": False,
        }
    half["metadata"]["course"] |= {
        "points": 1000,
        "seed": 1,
        "checks": [{"name": "size", "points": 1000}, {"name": "../..", "points": -1}],
    }
    assert points(the_range.hand_in(half)) == HALF


def test_exchanged_ids_move_answers_not_points(the_range, half):
    place(half, "task-size")["id"], place(half, "check-size")["id"] = "check-size", "task-size"
    place(half, "check-size")["source"] = "choice = 'z'"
    assert points(the_range.hand_in(half))["size"] == 0


def test_outputs_that_show_full_marks_are_not_read(the_range, half):
    for cell in half["cells"]:
        if cell["cell_type"] == "code":
            page = "<script>parent.score = 3</script>3 of 3 points"
            cell["outputs"] = [
                {"output_type": "display_data", "metadata": {}, "data": {"text/html": page}},
                {"output_type": "execute_result", "data": {"text/plain": "3.0"}, "metadata": {}},
            ]
    record = the_range.hand_in(half)
    assert points(record) == HALF
    assert "<script>" not in json.dumps(record)


def test_names_nested_to_the_edge_of_what_json_allows_stop_nobody(the_range, half):
    half["metadata"]["course"]["slug"] = "@deep@"
    for number, cell in enumerate(half["cells"]):
        role = ("task", "check", "variant")[number % 3]
        cell["id"], cell["metadata"] = "@deep@", {"course": {role: "@deep@"}}
    path = _file(the_range, half)
    text = path.read_text()
    for depth in range(1000, 700, -1):  # as deep as this machine's parser goes
        path.write_text(text.replace('"@deep@"', "[" * depth + "]" * depth))
        (item,) = the_range.collect(path)
        if not item.status:
            break
    record = the_range.grade(item)
    assert record["status"] in ("graded", "unreadable")
    assert points(record) in (HALF, NONE)


def test_a_notebook_of_a_hundred_thousand_cells_is_refused_at_once(the_range, half):
    half["cells"] += [place(half, "check-size")] * 100_000
    record = the_range.hand_in(half)
    assert record["status"] == "unreadable"
    assert "100,010 cells" in record["reason"]
    assert record["seconds"] < 5


# --- files ----------------------------------------------------------------------------------------

BROKEN = {
    "empty": b"",
    "invalid JSON": b'{"cells": [',
    "no UTF-8": b"\xff\xfe\x00\x00" * 1000,
    "a number": b"4",
    "a list": b"[" * 3 + b"]" * 3,
    "deep JSON": b"[" * 2_000_000,
    "a long number": b'{"nbformat": 4, "cells": [], "x": ' + b"9" * 10_000 + b"}",
    "an old format": b'{"nbformat": 3, "worksheets": []}',
    "no cells": b'{"nbformat": 4, "cells": {}, "metadata": {}}',
    "cells of text": b'{"nbformat": 4, "cells": ["print(1)"], "metadata": {}}',
    "sources that are numbers": b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": [1]}]}',
    "metadata of another kind": b'{"nbformat": 4, "cells": [], "metadata": [1]}',
    "a pickle": b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94.",
    "a program": b"\x7fELF" + bytes(1000),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_unreadable_and_the_row_says_why(the_range, data):
    record = the_range.hand_in(data)
    assert record["status"] == "unreadable"
    assert points(record) == NONE


def test_a_notebook_of_nobody_belongs_to_no_module(the_range):
    other = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [code("x = 1")]}
    record = the_range.hand_in(json.dumps(other).encode(), name="recipes.ipynb")
    assert (record["status"], record["verdicts"]) == ("unknown module", [])


def test_another_modules_notebook_under_our_name_is_graded_as_what_it_is(the_range, small_course):
    field = notebook(small_course["field"], "solution")
    record = the_range.hand_in(field, name="toy.ipynb")
    assert record["module"] == "field"
    (forced,) = the_range.collect(_file(the_range, field), module="toy")
    assert points(the_range.grade(forced)) == NONE


def _file(the_range, record):
    path = the_range.folder / "submitted" / "eve" / "toy.ipynb"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record))
    return path


def test_another_modules_slug_gets_that_modules_points_only(the_range, half):
    """Whoever claims to hand in the field is asked the field's questions."""
    half["metadata"]["course"]["slug"] = "field"
    record = the_range.hand_in(half)
    assert record["module"] == "field"
    assert set(points(record).values()) == {0}


def test_a_notebook_of_200_megabytes_is_not_read(the_range):
    folder = the_range.folder / "submitted" / "eve"
    folder.mkdir()
    with open(folder / "toy.ipynb", "wb") as file:
        file.truncate(200_000_000)  # sparse: it takes no room
    (item,) = the_range.collect(folder.parent)
    assert item.data == b""
    record = the_range.grade(item)
    assert record["status"] == "unreadable"
    assert "It is 200 MB, the limit is 21 MB." in record["reason"]


@posix
@pytest.mark.parametrize(
    "kind", ["link to a notebook", "link to the seed", "pipe", "socket", "loop"]
)
def test_what_is_no_regular_file_is_not_opened(the_range, monkeypatch, kind):
    folder = the_range.folder / "submitted" / "eve"
    folder.mkdir()
    path, treasure = folder / "toy.ipynb", the_range.folder / "treasure"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        import socket

        monkeypatch.chdir(folder)  # a socket's whole path must be short
        socket.socket(socket.AF_UNIX).bind("toy.ipynb")
    else:
        target = {"link to a notebook": treasure / "ada" / "toy.ipynb", "loop": path}
        path.symlink_to(target.get(kind, treasure / "grader_seed"))
    (item,) = the_range.collect(folder.parent)
    record = the_range.grade(item)
    assert (record["status"], record["reason"]) == ("unreadable", "It is not a regular file.")


@posix
def test_folders_that_are_links_are_not_walked(the_range):
    submitted = the_range.folder / "submitted"
    (submitted / "eve").symlink_to(the_range.folder / "treasure" / "ada")
    (submitted / "mallory").symlink_to(submitted)
    assert the_range.collect(submitted) == []


@posix
def test_folders_nested_a_thousand_deep_are_not_walked(the_range, blank, monkeypatch):
    submitted = the_range.folder / "submitted"
    (submitted / "ada").mkdir()
    (submitted / "ada" / "toy.ipynb").write_text(json.dumps(blank))
    deep = submitted / "eve"
    deep.mkdir()
    monkeypatch.chdir(deep)
    for _ in range(1200):
        os.mkdir("d")
        os.chdir("d")
    try:
        assert [item.student for item in the_range.collect(submitted)] == ["ada"]
    finally:
        sandbox.remove(deep)
    assert not deep.exists()


def test_two_files_of_one_learner_give_one_grade(the_range, half, solved):
    folder = the_range.folder / "submitted" / "eve"
    folder.mkdir()
    (folder / "toy.ipynb").write_text(json.dumps(half))
    (folder / "toy (copy).ipynb").write_text(json.dumps(solved))
    (folder / "again").mkdir()
    (folder / "again" / "toy.ipynb").write_text(json.dumps(solved))
    records = [the_range.grade(item) for item in the_range.collect(folder.parent)]
    assert sorted(record["status"] for record in records) == ["graded", "not graded", "not graded"]
    assert sum(sum(points(record).values()) for record in records) == 3


def test_the_honest_notebook_still_earns_everything(the_range, solved):
    assert points(the_range.hand_in(solved)) == ALL
