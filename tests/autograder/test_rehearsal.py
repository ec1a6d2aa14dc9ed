"""The rehearsal: it passes a sound module and names what is wrong with any other."""

import json
import os

import pytest

from autograder import build, cells, rehearsal
from autograder.sandbox import Limits, Outcome, SandboxError

posix = pytest.mark.skipif(os.name != "posix", reason="Pipes and links of POSIX.")
DONE = Outcome(0, "", 1.0, ready=True)
CELLS = [{"source": "x = 1"}, {"source": ["def f():\n", "    return 1\n"]}]


@pytest.fixture
def rehearsed(make_module, toy_texts):
    """Rehearses the toy with some of its text replaced; returns the problems."""

    def run(*changes, checks=()):
        source, judges = toy_texts
        for old, new in changes:
            assert old in source
            source = source.replace(old, new)
        for old, new in checks:
            assert old in judges
            judges = judges.replace(old, new)
        return rehearsal.rehearse(make_module(source, judges), seeds=(1, 2)).problems

    return run


# --- whole modules ----------------------------------------------------------------------------


def test_a_sound_module_has_no_problem_under_any_seed(toy):
    seen = rehearsal.rehearse(toy)
    assert seen.problems == ()
    assert len(rehearsal.SEEDS) == 10
    # Three checks: two times the solution, two wrong answers.
    assert len(seen.verdicts) == 10 * 3 * 4
    assert all(seen.verdicts["restored", seed, "zero_point"].passed for seed in rehearsal.SEEDS)
    assert not seen.verdicts["wrong-2", 1001, "size"].passed


def test_slips_of_an_author_are_each_named(rehearsed):
    problems = rehearsed(
        ("return round(-128 - low / scale)\n", "return round(-127 - low / scale)\n"),
        ("best = (6.5, 2.5)\n", "best = (2.0, 6.0)\n"),
        ('because="Those are bits"', 'because="Those are nibbles"'),
        ('# %% wrong="size" because="one of a, b"\nchoice = "z"\n', ""),
    )
    text = "\n".join(problems)
    assert "The solution answer to zero_point fails with seed 1 and 1 more: Zero points:" in text
    assert "The restored answer to zero_point fails" in text
    assert "thresholds accepts 'Swap them' with seed 1 and 1 more." in text
    assert "size refuses 'Those are nibbles' with seed 1 and 1 more, but no failed finding" in text
    assert "Check size needs at least two planted wrong answers." in text


def test_a_reason_is_looked_for_in_any_case(rehearsed):
    assert rehearsed(('because="Swap them"', 'because="sWAP tHEM"')) == ()


def test_a_cell_that_raises_is_named_and_hides_what_follows_from_it(rehearsed):
    (problem,) = rehearsed(("speeds = [1.0", "speeds = 1 / 0, [1.0"))
    assert problem.startswith(
        "Cell 11, 'speeds = 1 / 0, [1.0, 2.0, 7.0, 8.0]', raised ZeroDivision"
    )


def test_solutions_are_judged_on_inputs_of_each_seed(rehearsed):
    """A solution that only knows the inputs of one seed is found out."""
    problems = rehearsed(
        ("return round(-128 - low / scale)\n", "return known[low]\n"),
        ("speeds = [", "known = {}\nspeeds = ["),
    )
    assert "KeyError" in problems[0] or "NameError" in problems[0]


# --- a run ------------------------------------------------------------------------------------


@pytest.fixture
def run(toy, tmp_path):
    """Runs the toy's solution with lines added at its end; returns the problems."""
    source = cells.read(toy)

    def start(*lines, **limits):
        notebook = build.notebook(source, "solution")
        notebook.cells[-1].source += "\n" + "\n".join(lines)
        text = json.dumps(notebook)
        return rehearsal.run_cells(
            text, build.checks_of(source), (tmp_path / "run").resolve(), seeds=[1],
            limits=Limits(**{"wall_seconds": 60, **limits}),
        ).problems  # fmt: skip

    return start


def test_a_whole_run_leaves_evidence_and_no_problem(run, tmp_path):
    assert run() == []
    folder = rehearsal.evidence_folder(tmp_path / "run" / "evidence", [1], 1)
    assert sorted(path.name for path in folder.iterdir()) == ["size", "thresholds", "zero_point"]


def test_a_run_that_does_not_end_is_said_calmly(run):
    assert run("while True: pass", wall_seconds=3) == [
        "The notebook did not run to its end: it ran longer than 3 seconds."
    ]


@posix
def test_a_run_that_is_killed_is_said_calmly(run):
    assert run("import os; os.kill(os.getpid(), 11)") == [
        "The notebook did not run to its end: it crashed (segmentation fault)."
    ]


def test_a_learner_may_break_the_log_but_not_the_grader(run):
    (problem,) = run("import os, sys", "log = sys.argv[2]", "os.unlink(log)", "os.mkdir(log)")
    assert problem.startswith("The notebook did not run to its end: it ended with exit code 0")


def test_what_a_learner_prints_is_not_repeated(run):
    assert run("import sys; print('<b>\\x1b[2J' * 1000, file=sys.stderr)") == []


# --- the log ----------------------------------------------------------------------------------


@pytest.fixture
def read(tmp_path):
    path = tmp_path / "log.jsonl"

    def parse(*records, outcome=DONE):
        parts = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in records]
        path.write_bytes(b"\n".join(parts))
        return rehearsal.read_log(path, outcome, CELLS).problems

    return parse


START, END = {"started": True}, {"finished": True}


def test_a_cell_that_raised_is_named_by_its_first_line(read):
    problems = read(START, {"index": 1, "id": "c1", "error": "ValueError: odd"}, END)
    assert problems == ["Cell 2, 'def f():', raised ValueError: odd."]


def test_a_run_that_died_before_its_first_cell_is_our_fault_and_repeats_the_last_word(read):
    said = "Traceback…\n  line\nModuleNotFoundError: No module named 'x'\n"
    outcome = Outcome(1, "", 0.1, None, said)
    with pytest.raises(SandboxError, match=r"exit code 1 \(ModuleNotFoundError: No module named"):
        read(outcome=outcome)


def test_a_log_that_was_emptied_by_a_run_that_left_in_peace_is_not(read):
    assert read(outcome=Outcome(0, "", 0.1, ready=True)) == [
        "The notebook did not run to its end: it ended with exit code 0."
    ]


def test_a_run_out_of_time_is_said_even_where_the_log_claims_its_end(read):
    (problem,) = read(START, END, outcome=Outcome(-9, "it ran long", 5.0, ready=True))
    assert problem == "The notebook did not run to its end: it ran long."


@pytest.mark.parametrize(
    "record",
    [
        b"", b"{", b"\xff\xfe", b"null", b"3", b"[]", b"[" * 100_000, b'{"a":' * 10_000,
        {"index": "1", "error": "odd"}, {"index": 7, "error": "odd"}, {"index": -1, "error": "odd"},
        {"index": True, "error": "odd"}, {"index": 0, "error": {"deep": [1]}}, {"error": "odd"},
        {"index": 0, "error": None}, {"finished": "yes"}, {"started": 1},
    ],
    ids=lambda record: str(record)[:30],
)  # fmt: skip
def test_a_line_that_no_run_writes_is_left_out(read, record):
    assert read(START, record, END) == []


def test_forged_words_are_cut_and_printable(read):
    (problem,) = read(START, {"index": 0, "error": "\x1b[2J\ud800" + "x" * 10_000}, END)
    assert len(problem) < 500
    problem.encode("utf-8")
    assert "\x1b" not in problem


def test_a_flood_of_lines_is_cut(read):
    assert len(read(START, *[{"index": 0, "error": "odd"}] * 5000)) <= 1001


@posix
def test_a_log_that_is_no_file_does_not_hang(tmp_path):
    path = tmp_path / "log.jsonl"
    os.mkfifo(path)
    assert "did not run to its end" in rehearsal.read_log(path, DONE, CELLS).ending
    path.unlink()
    path.symlink_to("/dev/zero")
    assert "did not run to its end" in rehearsal.read_log(path, DONE, CELLS).ending
    path.unlink()
    path.touch()
    os.truncate(path, 1 << 40)
    assert "did not run to its end" in rehearsal.read_log(path, DONE, CELLS).ending
