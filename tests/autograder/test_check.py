"""Checks, findings and verdicts: how points come about, and that nothing gets past a verdict."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import Calls, Check, Finding, Inputs, Quiz, Value, Verdict, expect
from autograder.check import Refused, evaluate
from autograder.evidence import EvidenceError, Raised

texts = st.text(st.characters(), max_size=10)
findings = st.lists(
    st.builds(
        Finding, texts, st.booleans(), texts, texts, texts, texts,
        st.floats(0, 100, allow_subnormal=False), texts,
    ),
    max_size=5,
).map(tuple)  # fmt: skip


class Sum(Check):
    """Sum of two numbers.

    More that learners do not read.
    """

    points = 3
    evidence = Calls(returns=expect.Number())

    def inputs(self, rng):
        return Inputs([tuple(rng.integers(0, 9, 2)) for _ in range(3)])

    def judge(self, inputs, outputs):
        yield Finding("Sums", outputs == [first + second for first, second in inputs.calls])


class ToldByJudge(Check):
    evidence = Value()

    def judge(self, inputs, outputs):
        if isinstance(outputs, str) and outputs == "raise":
            raise ZeroDivisionError("odd\x1b[2J")
        yield from outputs


class Byte(Check):
    """How large an int8 is."""

    evidence = Quiz("?", {"a": "8", "b": "1"}, "b", {"a": "Those are bits.", "b": "Yes."})


@pytest.fixture
def inputs():
    return Sum().draw(0)


# --- names and inputs -------------------------------------------------------------------------


def test_a_check_is_named_after_its_class_and_titled_by_its_docstring():
    assert ToldByJudge().name == "told_by_judge"
    assert Sum().title == "Sum of two numbers"
    assert ToldByJudge().title == "told_by_judge"


def test_inputs_are_the_same_for_a_seed_and_different_for_another():
    assert Sum().draw(1) == Sum().draw(1)
    assert Sum().draw(1) != Sum().draw(2)


def test_each_check_draws_from_a_stream_of_its_own():
    assert type("Other", (Sum,), {})().draw(1) != Sum().draw(1)


# --- points -----------------------------------------------------------------------------------


def test_points_are_the_weighted_share_of_findings_that_hold():
    parts = (Finding("a", True, weight=1), Finding("b", False, weight=2), Finding("c", True))
    verdict = Verdict("x", 3, parts)
    assert verdict.fraction == 0.5
    assert verdict.score == 1.5
    assert not verdict.passed


def test_points_are_rounded_to_a_hundredth():
    assert Verdict("x", 1, (Finding("a", True), *[Finding("b", False)] * 2)).score == 0.33


def test_no_finding_and_no_weight_earn_nothing():
    assert Verdict("x", 3).score == 0
    assert not Verdict("x", 3).passed
    assert Verdict("x", 3, (Finding("a", True, weight=0),)).score == 0


@given(findings, st.floats(0, 100))
def test_a_score_lies_between_nothing_and_all_points(parts, points):
    verdict = Verdict("x", points, parts)
    assert 0 <= verdict.score <= points + 0.005
    if verdict.passed and sum(part.weight for part in parts) > 0:
        assert verdict.score == round(points, 2)


@given(findings)
def test_a_verdict_survives_json(parts):
    verdict = Verdict("x", 2.5, parts)
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


def test_numpys_bool_survives_json():
    record = json.dumps(Verdict("x", 1, (Finding("a", np.bool_(True)),)).to_json())
    assert json.loads(record)["findings"][0]["holds"] is True


# --- texts ------------------------------------------------------------------------------------


@given(texts, texts, texts, texts, texts, texts)
def test_every_text_of_a_finding_is_printable(title, got, needed, detail, then, example):
    finding = Finding(title, False, got, needed, detail, then, 1.0, example)
    finding.text.encode("utf-8")
    assert len(finding.text.splitlines()) <= 1
    assert "\x1b" not in finding.text


def test_a_finding_says_got_needed_detail_and_what_next():
    finding = Finding("Size", False, "24 kB", "20 kB", "It holds floats.", "Quantize it.")
    assert finding.text == "Size: 24 kB, needs 20 kB. It holds floats. Next: Quantize it."


def test_a_finding_that_holds_says_nothing_next():
    assert Finding("Size", True, "18 kB", next="Quantize it.").text == "Size: 18 kB."


# --- verdicts on evidence ---------------------------------------------------------------------


def only(verdict):
    (finding,) = verdict.findings
    assert not finding.holds
    assert verdict.score == 0
    return finding.text


def test_right_results_earn_all_points(inputs):
    verdict = evaluate(Sum(), inputs, [int(first + second) for first, second in inputs.calls])
    assert verdict.passed
    assert verdict.score == 3


def test_evidence_that_could_not_be_read_says_why(inputs):
    text = only(evaluate(Sum(), inputs, EvidenceError("The file is damaged.")))
    assert text.startswith("Your answer cannot be checked yet. The file is damaged. Next: ")


@pytest.mark.parametrize("outputs", [None, 3, [], [1], [1, 2, 3, 4], {"a": 1}, "abc"])
def test_evidence_needs_one_result_for_each_call(inputs, outputs):
    assert "one result for each call" in only(evaluate(Sum(), inputs, outputs))


def test_a_result_of_the_wrong_form_is_named(inputs):
    text = only(evaluate(Sum(), inputs, [1, None, 3]))
    assert text.startswith("What your function returns: nothing (None), needs one number.")


def test_what_raised_is_shown_with_its_line_and_arguments():
    calls = Inputs([(1, np.zeros((2, 3)))] * 3)
    finding = evaluate(Sum(), calls, [1, 1, Raised("ValueError", "odd", 4)]).findings[0]
    assert finding.detail == "Your function raised at line 4 of its cell. ValueError: odd."
    assert finding.example == "It was called with 1, an array of shape 2×3, dtype float64."


def test_an_unknown_line_is_not_mentioned(inputs):
    text = only(evaluate(Sum(), inputs, [Raised("ValueError", "odd")] * 3))
    assert "Your function raised. ValueError: odd." in text


def test_a_value_of_the_wrong_form_is_named():
    class Pair(Check):
        evidence = Value(expect=expect.Array((2,)))

    assert only(evaluate(Pair(), Inputs(), [1, 2, 3])).startswith("Your answer: shape 3, needs")


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("odd"),
        RecursionError(),
        MemoryError(),
        KeyError("x"),
        expect.Unexpected("this", "that", "Do it."),
        Refused("No.", "With 3."),
        EvidenceError("No."),
        type("Mute", (Exception,), {"__str__": lambda self: 1 / 0})(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_judge_that_raises_gives_a_finding(error):
    class Failing(Check):
        evidence = Value()

        def judge(self, inputs, outputs):
            raise error

    assert only(evaluate(Failing(), Inputs(), 1))


def test_findings_before_a_judge_raises_are_not_points():
    class Failing(Check):
        evidence = Value()

        def judge(self, inputs, outputs):
            yield Finding("First", True)
            raise ValueError

    assert evaluate(Failing(), Inputs(), 1).score == 0


def test_a_check_without_a_judge_says_so():
    class Empty(Check):
        evidence = Value()

    assert "Empty has no judge" in only(evaluate(Empty(), Inputs(), 1))


def test_a_judges_finding_is_made_printable():
    assert "\x1b" not in only(evaluate(ToldByJudge(), Inputs(), "raise"))


# --- quizzes ----------------------------------------------------------------------------------


def test_the_right_letter_earns_the_points_and_says_why():
    verdict = evaluate(Byte(), Inputs(), "b")
    assert verdict.passed
    assert verdict.findings[0].detail == "Yes."


def test_a_wrong_letter_says_why_and_does_not_give_the_right_one_away():
    text = only(evaluate(Byte(), Inputs(), "a"))
    assert "Those are bits." in text
    assert "Yes." not in text
    assert "Your choice: 8" in text


@pytest.mark.parametrize("choice", ["", "?", "B", "ab", None, 1, ["b"], {"b": 1}, np.array("b")])
def test_what_is_no_letter_is_refused(choice):
    assert "needs one of a, b" in only(evaluate(Byte(), Inputs(), choice))
