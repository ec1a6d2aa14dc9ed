"""Scoreboard: every model side by side, kept whatever other kernels and full disks do."""

import json
import subprocess
import sys

import pytest

from course.tflite import ModelError
from course.tflite.inspect import inspect
from course.tflite.scoreboard import Scoreboard
from tests.models import needs_micro


@pytest.fixture
def board(tmp_path):
    return Scoreboard(tmp_path / ".course")


def fill(board, zoo):
    board.add("float", zoo.files["float"], accuracy=0.95, arena=4000, microseconds=9.5)
    board.add("small", zoo.files["board"], accuracy=0.94, arena=3000, note="for the board")


def test_models_are_listed_from_small_to_large(board, zoo):
    fill(board, zoo)
    assert [each.name for each in board.entries] == ["small", "float"]
    small = board.entries[0]
    assert small.bytes == len(zoo.files["board"])
    assert small.compressed_bytes < small.bytes
    assert small.macs == inspect(zoo.files["board"]).macs
    assert (small.accuracy, small.arena_bytes, small.note) == (0.94, 3000, "for the board")


@needs_micro
def test_the_arena_is_found_where_nobody_gives_it(board, zoo):
    assert board.add("small", zoo.files["board"]).arena_bytes > 1000
    assert board.add("hybrid", zoo.files["dynamic"]).arena_bytes is None


def test_another_notebook_finds_what_was_added(board, zoo, tmp_path):
    fill(board, zoo)
    assert Scoreboard(tmp_path / ".course").entries == board.entries


def test_the_workspace_around_the_folder_is_found(zoo, tmp_path, monkeypatch):
    (tmp_path / ".course").mkdir()
    (tmp_path / "07").mkdir()
    monkeypatch.chdir(tmp_path / "07")
    monkeypatch.delenv("COURSE_WORKSPACE", raising=False)
    Scoreboard().add("small", zoo.files["board"], arena=1)
    assert (tmp_path / ".course" / "scoreboard.json").exists()
    assert len(Scoreboard()) == 1


def test_without_a_workspace_it_lasts_as_long_as_the_session(zoo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COURSE_WORKSPACE", raising=False)
    board = Scoreboard()
    fill(board, zoo)
    assert len(board) == 2
    assert "this session only" in repr(board)
    assert list(tmp_path.iterdir()) == []


def test_a_second_model_of_the_same_name_takes_the_place_of_the_first(board, zoo):
    fill(board, zoo)
    board.add("small", zoo.files["board"], accuracy=0.97, arena=3000)
    assert [each.accuracy for each in board.entries] == [0.97, 0.95]
    board.remove("small")
    assert [each.name for each in board.entries] == ["float"]
    with pytest.raises(KeyError, match="no model 'small'"):
        board.remove("small")


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\0", b'{"models": 3}', b"[" * 100_000])
def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(board, zoo, tmp_path, capsys, damage):
    fill(board, zoo)
    file = tmp_path / ".course" / "scoreboard.json"
    file.write_bytes(damage)
    assert board.entries == ()
    board.add("anew", zoo.files["board"], arena=1)
    assert [each.name for each in board.entries] == ["anew"]
    (aside,) = file.parent.glob("scoreboard (damaged*")
    assert aside.read_bytes() == damage
    assert "begun anew" in capsys.readouterr().out


def test_entries_that_nobody_can_have_added_are_passed_over(board, zoo, tmp_path):
    fill(board, zoo)
    file = tmp_path / ".course" / "scoreboard.json"
    record = json.loads(file.read_text())
    good = record["models"][0]
    record["models"] += [
        3,
        {},
        {**good, "name": "a", "accuracy": 2},
        {**good, "name": "b", "bytes": "many"},
        {**good, "name": "c", "bytes": True},
        {**good, "name": ["d"]},
        {**good, "name": "later", "new_in_a_later_version": 1},
    ]
    file.write_text(json.dumps(record))
    assert {each.name for each in board.entries} == {"small", "float", "later"}


def test_kernels_that_add_at_once_lose_nothing(zoo, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(zoo.files["board"])
    code = (
        "import sys; from pathlib import Path; from course.tflite.scoreboard import Scoreboard\n"
        f"board = Scoreboard(Path({str(tmp_path)!r}))\n"
        f"for at in range(8): board.add(f'{{sys.argv[1]}} {{at}}', {str(path)!r}, arena=1)"
    )
    kernels = [subprocess.Popen([sys.executable, "-c", code, str(number)]) for number in range(3)]
    assert [kernel.wait(60) for kernel in kernels] == [0, 0, 0]
    assert len(Scoreboard(tmp_path)) == 24


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("", {}, "from 1 to 60 letters"),
        ("n" * 61, {}, "from 1 to 60 letters"),
        ("n", {"accuracy": 94}, "must lie between 0 and 1"),
        ("n", {"accuracy": float("nan")}, "must lie between 0 and 1"),
        ("n", {"arena": -1}, "must be a whole number"),
        ("n", {"microseconds": -1}, "must be a number from 0"),
    ],
)
def test_impossible_figures_get_a_sentence(board, zoo, name, options, words):
    with pytest.raises(ModelError, match=words):
        board.add(name, zoo.files["board"], **{"arena": 1, **options})
    assert len(board) == 0


def test_a_folder_that_cannot_be_written_gets_a_sentence(zoo, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="cannot be"):
        Scoreboard(tmp_path / "file").add("n", zoo.files["board"], arena=1)


def test_it_is_shown_as_a_table_and_drawn_with_words(board, zoo):
    assert "No model is on the board yet" in repr(board)
    with pytest.raises(ModelError, match="nothing to draw"):
        board.plot()
    board.add("<b>evil</b>", zoo.files["board"], accuracy=0.5, arena=1)
    fill(board, zoo)
    page = board._repr_mimebundle_()["text/html"]
    assert "<b>" not in page
    assert "95.0 %" in page
    figure = board.plot()
    assert f"small {len(zoo.files['board']):,} bytes 94.0 %" in figure.alt
    assert "Most accurate: float, 95.0 %" in figure.alt
    assert figure.png().startswith(b"\x89PNG")
