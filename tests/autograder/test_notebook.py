"""What a learner meets: every answer, however odd, gets a calm card, and stderr stays empty."""

import copy
import json
import os
import pickle
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

from autograder import evidence, notebook, open_checks
from autograder.card import Card
from course import workspace
from course.widgets import Quiz as QuizWidget

posix = pytest.mark.skipif(os.name != "posix", reason="Pipes of POSIX.")


class Equal:
    """Equal to everything, and in every list."""

    __hash__ = None

    def __eq__(self, other):
        return True


class Liar:
    """An array that is none."""

    def __init__(self, answer):
        self.answer = answer

    def __array__(self, dtype=None, copy=None):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Nosy:
    """Raises at the first look."""

    def __getattr__(self, name):
        raise SystemExit(f"no {name}")


class Disguised:
    """Says that it is something else."""

    @property
    def __class__(self):
        return np.float64


class Loud(str):
    def __getitem__(self, key):
        return "x" * 10**7

    __str__ = __repr__ = __format__ = lambda self, *_: "x" * 10**7


class Mute(Exception):
    def __str__(self):
        raise SystemExit("no")


def endless():
    while True:
        yield 1


Markup = type("<script>alert(1)</script>", (Exception,), {})
Escape = type("\x1b[2J", (Exception,), {})

ODD_VALUES = {
    "nothing": None,
    "object": object(),
    "complex": 3j,
    "array of complex": np.array([1j]),
    "array of objects": np.array([None, []], dtype=object),
    "array of words": np.array(["a", "b"]),
    "array of bytes": np.array([b"a"]),
    "array of dates": np.array(["2020"], "datetime64[D]"),
    "empty array": np.zeros((0, 3)),
    "NaN": float("nan"),
    "infinity": float("inf"),
    "array of NaN": np.full(3, np.nan),
    "huge number": 10**5000,
    "text of 100 MB": "x" * 10**8,
    "ten million values": [0] * 10**7,
    "view of a terabyte": np.broadcast_to(1.0, (10**6, 10**6)),
    "generator without end": endless(),
    "range without end": iter(int, 1),
    "equal to everything": Equal(),
    "array that is none": Liar("text"),
    "array of objects that is none": Liar(np.array([object()])),
    "array that raises": Liar(ValueError("no array")),
    "array that leaves": Liar(SystemExit(3)),
    "array that is mute": Liar(Mute()),
    "attributes that leave": Nosy(),
    "in disguise": Disguised(),
    "loud text": Loud("walking"),
    "dict of numbers": {1: 2},
    "module": os,
    "class": int,
    "function": len,
    "markup": "<script>alert(1)</script>",
    "control characters": "\x1b[2J\ud800\u202e",
    "bool": True,
    "bytes": b"walking",
}


def raising(error):
    def function(*_, **__):
        raise error

    return function


def returning(value):
    return lambda *arguments: value


async def waiting(values, nested):
    return values


def deeper(*arguments):
    return deeper(*arguments)


ODD_FUNCTIONS = {
    "raises": raising(ValueError("odd")),
    "leaves": raising(SystemExit(3)),
    "runs out of memory": raising(MemoryError()),
    "generator's end": raising(GeneratorExit()),
    "calls itself": deeper,
    "mute": raising(Mute()),
    "markup in its name": raising(Markup("<img src=x onerror=alert(1)>")),
    "control characters in its name": raising(Escape("\x1b[2J\ud800")),
    "says a lot": raising(ValueError("x" * 10**7)),
    "takes nothing": lambda: 1,
    "asynchronous": waiting,
    "divides by zero": lambda values, nested: values / 0,
    "generates": lambda values, nested: endless(),
    "wrong shape": lambda values, nested: values[:1],
    "class of its own": Nosy,
}

ODD_LETTERS = {
    "no option": "c",
    "capital": "B",
    "list": ["b"],
    "array": np.array(["b", "b"]),
    "dict": {"b": 1},
    "endless text": "b" * 10**7,
}

MODEL_ANSWERS = {
    "nothing": None,
    "no path": "nowhere.tflite",
    "folder": ".",
    "zero byte": "a\0b",
    "endless name": "x" * 5000,
    "empty": b"",
    "other file": b"GIF89a" + bytes(100),
    "array": np.zeros(3),
    "saving raises": type(
        "M", (), {"__module__": "keras.models", "save": raising(OSError("full"))}
    )(),
    "saving leaves": type("M", (), {"__module__": "keras", "save": raising(SystemExit(1))})(),
    "saving does nothing": type("M", (), {"__module__": "keras", "save": returning(None)})(),
    "module is no text": type("M", (), {"__module__": 3})(),
    "too large": b"\x1c\0\0\0TFL3" + bytes(2 << 20),
}


def shown(card, capfd):
    """The texts of a card that was calm: a finding that fails, both faces, nothing on stderr."""
    assert isinstance(card, Card)
    assert card.verdict.findings
    assert not card.verdict.passed
    text, html = str(card), card.html()
    for face in (text, html):
        face.encode("utf-8")
        assert "Traceback" not in face
        assert "\x1b" not in face
    assert len(text) < 3000
    assert "<script" not in html
    assert "<img" not in html
    assert capfd.readouterr().err == ""
    return text


# --- odd answers ------------------------------------------------------------------------------
# Parametrized by name: pytest would print the values.


@pytest.mark.parametrize("name", ODD_VALUES)
@pytest.mark.filterwarnings("error")
def test_any_value_gets_a_calm_card(check, capfd, name):
    for each in (check.anything, check.word):
        shown(each(ODD_VALUES[name]), capfd)


@pytest.mark.parametrize("name", ODD_VALUES)
def test_any_result_of_a_function_gets_a_calm_card(check, capfd, name):
    shown(check.arrays(returning(ODD_VALUES[name])), capfd)


@pytest.mark.parametrize("name", ODD_VALUES)
def test_any_value_in_place_of_a_function_gets_a_calm_card(check, capfd, name):
    if callable(ODD_VALUES[name]):
        pytest.skip("This one is a function.")
    assert "needs a function" in shown(check.arrays(ODD_VALUES[name]), capfd)


@pytest.mark.parametrize("name", ODD_FUNCTIONS)
def test_any_function_gets_a_calm_card(check, capfd, name):
    shown(check.arrays(ODD_FUNCTIONS[name]), capfd)


@pytest.mark.parametrize("name", [*ODD_VALUES, *ODD_LETTERS])
def test_any_choice_gets_a_question_or_a_calm_card(check, capfd, name):
    value = {**ODD_VALUES, **ODD_LETTERS}[name]
    answer = check.letter(value)
    if value is None:
        assert isinstance(answer, QuizWidget)
    else:
        assert "needs one of a, b" in shown(answer, capfd)


@pytest.mark.parametrize("name", MODEL_ANSWERS)
def test_anything_in_place_of_a_model_gets_a_calm_card(check, capfd, name):
    shown(check.tiny_model(MODEL_ANSWERS[name]), capfd)


@pytest.mark.parametrize("answer", [None, "nowhere", b".", 3, "/", "a\0b"])
def test_anything_in_place_of_a_folder_gets_a_calm_card(check, capfd, answer):
    shown(check.app(answer), capfd)


def test_a_learner_reads_where_and_why_a_function_raised(check):
    names = {}
    exec(compile("def f(values, nested):\n    return values[9]\n", "<cell>", "exec"), names)
    text = str(check.arrays(names["f"]))
    assert (
        "Your function raised at line 2 of its cell. IndexError: index 9 is out of bounds" in text
    )
    assert "It was called with an array of shape 3, dtype float64, a list of 1 item." in text


def test_an_interrupt_stops_the_check_calmly(check, capfd, monkeypatch):
    text = shown(check.arrays(raising(KeyboardInterrupt())), capfd)
    assert "You stopped the check. Next: Run its cell again" in text
    assert "You stopped the check" in shown(check.anything(Liar(KeyboardInterrupt())), capfd)
    monkeypatch.setattr("autograder.judge.sandbox.run", raising(KeyboardInterrupt()))
    assert "You stopped the check" in shown(check.tiny_model(b"\x1c\0\0\0TFL3" + bytes(9)), capfd)


def test_a_function_that_changes_its_arguments_does_not_change_the_check(check):
    def greedy(values, nested):
        result = values.copy()
        values[:] = 0
        nested[0].clear()
        return result

    assert check.arrays(greedy).verdict.passed
    assert check.arrays(greedy).verdict.passed


def test_a_warning_of_a_learners_function_is_not_printed(check, capfd):
    def divides(values, nested):
        warnings.warn("odd", stacklevel=1)
        return values / np.zeros(3)

    assert "Look for a division by zero" in shown(check.arrays(divides), capfd)


def test_warnings_come_back_after_a_check(check):
    check.anything(1)
    with pytest.warns(UserWarning, match="after"):
        warnings.warn("after", stacklevel=1)


# --- right answers ----------------------------------------------------------------------------


def test_right_answers_earn_all_points(check, tmp_path):
    app = tmp_path / "app"
    assert check.anything(np.int64(42)).verdict.passed
    assert check.word(np.str_("walking")).verdict.passed
    assert check.arrays(lambda values, nested: list(values)).verdict.score == 2
    app.mkdir()
    (app / "index.html").write_text("<p>")
    assert check.app(app).verdict.passed


def test_a_quiz_asks_until_there_is_a_letter_and_then_answers(check):
    for empty in (None, "", "?"):
        assert check.letter(empty).card == ""
    assert "Not that one." in check.letter("a").card
    asked = check.letter("?")
    asked.choice = "b"
    assert "That one." in asked.card
    assert 'data-passed="true"' in asked.card


def test_hints_come_one_by_one_and_the_last_one_stays():
    check = open_checks("toy").zero_point
    said = [str(check.hint()) for _ in range(3)]
    assert said[0] == "Hint 1 of 2: Which int8 value must `low` map to?"
    assert said[1] == said[2] == "Hint 2 of 2: Solve it for q = -128."
    assert "has none" in str(open_checks("toy").thresholds.hint())


def test_a_check_on_a_plain_function_answers_at_once(monkeypatch, tmp_path):
    """The promise is 0.3 s for 95 of 100, recorded in a workspace; here with a margin of two."""
    (tmp_path / ".course").mkdir()
    monkeypatch.chdir(tmp_path)
    check = open_checks("toy").zero_point
    times = []
    for _ in range(40):
        started = time.perf_counter()
        card = check(lambda low, scale: round(-128 - low / scale))
        card.html()
        times.append(time.perf_counter() - started)
    assert card.note == ""
    assert sorted(times)[38] < 0.15


# --- progress ---------------------------------------------------------------------------------


def test_points_are_recorded_in_the_workspace(tmp_path, monkeypatch):
    (tmp_path / ".course").mkdir()
    monkeypatch.chdir(tmp_path)
    check = open_checks("toy")
    assert check.thresholds((2.5, 1.0)).note == ""
    check.thresholds((6.5, 2.5))
    assert "one byte" in check.size("b").card
    assert workspace.Progress(tmp_path).best() == {"toy": {"thresholds": 0.75, "size": 1.0}}


def test_a_check_works_without_a_workspace_and_says_so():
    card = open_checks("toy").thresholds((2.5, 6.5))
    assert card.verdict.passed
    assert "not saved" in card.note


# --- the object called check ------------------------------------------------------------------


def test_an_unknown_check_lists_those_that_exist(check):
    with pytest.raises(
        AttributeError, match=r"Module kinds has no check 'wrod'; it has anything, word"
    ):
        check.wrod  # noqa: B018


def test_an_unknown_module_lists_those_that_exist():
    with pytest.raises(LookupError, match=r"called 'tyo'\. Those there are: toy, kinds"):
        open_checks("tyo")


def test_checks_may_be_written_with_dataclasses(tmp_path):
    (tmp_path / "checks.py").write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from typing import ClassVar\n"
        "from autograder import Check, Value\n\n\n"
        "@dataclass\n"
        "class Point:\n"
        "    x: ClassVar[int] = 3\n\n\n"
        "class Place(Check):\n"
        "    evidence = Value()\n"
    )
    assert list(notebook.load_checks(tmp_path / "checks.py")) == ["place"]


def test_checks_can_be_looked_at_copied_and_pickled(check):
    assert dir(check)[:2] == ["anything", "app"]
    assert repr(check).startswith("Checks of kinds: anything, word")
    assert repr(check.arrays) == "Check arrays: A function of one array (2 points)"
    assert dir(copy.copy(check)) == dir(check)
    assert dir(pickle.loads(pickle.dumps(check))) == dir(check)
    assert not hasattr(check, "_repr_html_")


# --- handing in -------------------------------------------------------------------------------


@pytest.fixture
def hand_in(kinds, tmp_path, monkeypatch):
    """Answers given in a grader's sandbox; returns the folder of evidence by check name."""
    from autograder import rehearsal

    rehearsal.hand_out(kinds, tmp_path / "inputs", [5, 6])
    monkeypatch.setenv("COURSE_INPUTS", str(tmp_path / "inputs"))
    monkeypatch.setenv("COURSE_EVIDENCE", str(tmp_path / "evidence"))

    def give(name, answer, seed=5):
        said = str(getattr(open_checks("kinds"), name)(answer))
        assert said == f"{name}: Handed in."
        return tmp_path / "evidence" / f"set-{seed - 5}" / name

    return give


def test_what_is_handed_out_holds_neither_seeds_nor_keys(hand_in, tmp_path):
    hand_in("anything", 1)
    files = [path for path in (tmp_path / "inputs").rglob("*") if path.is_file()]
    manifest = json.loads((tmp_path / "inputs" / "manifest.json").read_text())
    assert set(manifest) == {
        "anything", "word", "arrays", "letter", "tiny_model", "same_sums", "app", "fragile"
    }  # fmt: skip
    assert "seed" not in json.dumps(manifest)
    assert {path.parent.name for path in files} == {"inputs", "set-0", "set-1"}
    assert evidence.load(tmp_path / "inputs" / "tiny_model" / "set-0") == []


def test_evidence_is_written_for_every_set_of_inputs(hand_in, kinds):
    for seed in (5, 6):
        folder = hand_in("arrays", lambda values, nested: values, seed)
        calls = kinds["arrays"].draw(seed).calls
        for found, (values, _) in zip(evidence.load(folder), calls, strict=True):
            assert np.array_equal(found, values)


@pytest.mark.parametrize(
    "name", ["object", "array that leaves", "array that is mute", "text of 100 MB"]
)
def test_an_answer_that_cannot_be_kept_leaves_the_reason(hand_in, name):
    folder = hand_in("anything", ODD_VALUES[name])
    assert [path.name for path in folder.iterdir()] == ["refused.json"]
    assert 0 < len(json.loads((folder / "refused.json").read_text())) <= 500


def test_a_second_answer_replaces_the_first_one(hand_in):
    hand_in("anything", object())
    folder = hand_in("anything", 42)
    assert sorted(path.name for path in folder.iterdir()) == ["arrays.bin", "evidence.json"]
    assert evidence.load(folder) == 42


def test_there_are_no_hints_while_grading(hand_in):
    assert "None while grading" in str(open_checks("kinds").arrays.hint())
    assert isinstance(open_checks("kinds").arrays, notebook.Collector)


# --- in a real shell --------------------------------------------------------------------------

SHELL = """
import contextlib, io, json, sys
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell
from course import syllabus

syllabus._ROOT = Path(sys.argv[1])
shell = InteractiveShell.instance()
shell.history_manager.enabled = False
results = []
for cell in json.loads(sys.argv[2]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        ran = shell.run_cell(cell, store_history=False)
    results.append([out.getvalue(), err.getvalue(), ran.success])
print(json.dumps(results))
"""


@pytest.fixture
def shell(course_root):
    """Runs cells in a shell of their own; returns what each printed, its stderr, and success."""

    def run(*cells):
        first = "from autograder import open_checks\ncheck = open_checks('toy')"
        said = subprocess.check_output(
            [sys.executable, "-P", "-c", SHELL, str(course_root), json.dumps([first, *cells])]
        )
        return json.loads(said)[1:]

    return run


def test_a_variable_that_is_missing_gets_a_card_and_any_other_error_its_traceback(shell):
    missing, elsewhere, inside, nested, own, right = shell(
        "check.zero_point(zero_point)",
        "print(zero_pint)",
        "def f(low, scale):\n    return lwo\nf(1, 2)",
        "def g():\n    return check.zero_point(no_such_name)\ng()",
        "check.zero_point(f)",
        "check.zero_point(lambda low, scale: round(-128 - low / scale))",
    )
    assert missing[0].startswith("Not yet: Zero point of an asymmetric int8 tensor · 0 of 3 points")
    assert "There is no 'zero_point' yet. Next: Run the task's cell above" in missing[0]
    assert "Traceback" not in missing[0]
    assert not missing[2]
    for output, _, success in (elsewhere, inside, nested):
        assert "Traceback" in output
        assert "NameError" in output
        assert not success
    # An error inside the learner's function is a finding of the check.
    assert "Your function raised at line 2 of its cell. NameError: name 'lwo'" in own[0]
    assert own[2]
    assert "Done" in right[0]
    assert [output[1] for output in (missing, elsewhere, inside, nested, own, right)] == [""] * 6


def test_a_card_is_shown_by_naming_the_check_in_a_cell(shell):
    ((out, err, success),) = shell("check.thresholds((6.5, 2.5))")
    assert "Not yet: Two thresholds · 0 of 2 points" in out
    assert err == ""
    assert success


def test_a_missing_answer_of_any_kind_of_check_gets_its_card(shell):
    value, choice, answered = shell(
        "check.thresholds(best)", "x = 1\ncheck.size(choice)", "choice = 'b'\ncheck.size(choice)"
    )
    assert "There is no 'best' yet." in value[0]
    assert "There is no 'choice' yet." in choice[0]
    assert "How large an int8 is" in choice[0]
    assert answered[2]
