"""Check, Finding, Verdict: what is graded, what was found, and how many points that is."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from autograder.evidence import (
    Calls,
    Evidence,
    EvidenceError,
    ModelAndCalls,
    Quiz,
    Raised,
    Value,
    describe,
    printable,
)
from autograder.expect import Unexpected

#: The seed of what a learner sees while learning. Grading draws from a seed of its own.
PUBLIC_SEED = 0


@dataclass(frozen=True)
class Finding:
    """One thing that a judge looked at; its texts are made printable, whoever wrote them.

    Attributes
    ----------
    title : what was looked at, a noun phrase.
    holds : whether it is as it must be.
    got : what was measured, with its unit.
    needed : the bound or the right form, with its unit.
    detail : one sentence that names the mistake or shows where it happens.
    next : one sentence that says what to try next; shown when it does not hold.
    weight : share in the check's points, relative to the other findings.
    example : one case with its inputs; learners see it, graded reports leave it out because it
        shows hidden inputs.
    """

    title: str
    holds: bool
    got: str = ""
    needed: str = ""
    detail: str = ""
    next: str = ""
    weight: float = 1.0
    example: str = ""

    def __post_init__(self) -> None:
        for name in ("title", "got", "needed", "detail", "next", "example"):
            object.__setattr__(self, name, printable(getattr(self, name)))

    @property
    def text(self) -> str:
        """The finding as a paragraph of plain text."""
        figures = ", needs ".join(part for part in (self.got, self.needed) if part)
        lines = [f"{self.title}: {figures}." if figures else f"{self.title}."]
        lines += [self.detail, self.example]
        if self.next and not self.holds:
            lines.append(f"Next: {self.next}")
        return " ".join(line for line in lines if line)


@dataclass(frozen=True)
class Inputs:
    """What a check gives to the learner's function, and what only its judge may know.

    Attributes
    ----------
    calls : one tuple of positional arguments for each call; this enters the sandbox.
    key : labels, expected values, whatever the judge compares with; this never does.
    """

    calls: Sequence[tuple] = ()
    key: Any = None


@dataclass(frozen=True)
class Verdict:
    """The findings of one check, and their points.

    Attributes
    ----------
    check : the check's name, snake_case.
    points : most points.
    findings : in the order of the judge.
    """

    check: str
    points: float
    findings: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def fraction(self) -> float:
        """Weighted share of the findings that hold, 0 to 1; no finding earns nothing."""
        total = sum(finding.weight for finding in self.findings)
        held = sum(finding.weight for finding in self.findings if finding.holds)
        return held / total if total > 0 else 0.0

    @property
    def score(self) -> float:
        """Points earned, rounded to a hundredth."""
        return round(self.points * self.fraction, 2)

    @property
    def passed(self) -> bool:
        return bool(self.findings) and all(finding.holds for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "points": self.points,
            # NumPy's bool is not JSON's
            "findings": [{**asdict(item), "holds": bool(item.holds)} for item in self.findings],
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Verdict:
        findings = tuple(Finding(**finding) for finding in record["findings"])
        return cls(record["check"], record["points"], findings)


class Check:
    """One graded task of a module. Subclass it in the module's ``checks.py``.

    The class name in CamelCase gives the name in the notebook: ``ZeroPoint`` is
    ``check.zero_point`` and belongs to ``task="zero-point"``. The docstring's first line is the
    title that learners read. See CONTRIBUTING.md for a worked example.

    Attributes
    ----------
    points : most points.
    evidence : the kind of evidence that is collected.
    hints : from a nudge to nearly the answer.
    seconds : wall time that a judge in a child process may take.
    """

    points: ClassVar[float] = 1
    evidence: ClassVar[Evidence]
    hints: ClassVar[tuple[str, ...]] = ()
    seconds: ClassVar[float] = 60

    @property
    def name(self) -> str:
        """snake_case name, as in ``check.zero_point``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    @property
    def title(self) -> str:
        return (type(self).__doc__ or self.name).strip().splitlines()[0].rstrip(".")

    def inputs(self, rng: np.random.Generator) -> Inputs:
        """Inputs drawn from ``rng``: public while learning, from a secret seed when graded."""
        return Inputs()

    def judge(self, inputs: Inputs, outputs: Any) -> Iterable[Finding]:
        """Findings about ``outputs``; pure, so that the same evidence gets the same verdict.

        Parameters
        ----------
        inputs : the object that `inputs` returned for this seed.
        outputs : for `Calls` the list of results, for `Value` the value, for `Model` a
            `ModelFile`, for `Folder` a path; already validated by the evidence's expectation.
        """
        raise NotImplementedError(f"{type(self).__name__} has no judge.")

    def draw(self, seed: int) -> Inputs:
        """The inputs of this check for a seed; each check has a stream of its own."""
        return self.inputs(np.random.default_rng([seed, zlib.crc32(self.name.encode())]))


def evaluate(check: Check, inputs: Inputs, outputs: Any) -> Verdict:
    """Judge evidence that was read back, whatever it holds; never raises.

    Parameters
    ----------
    check : the check.
    inputs : what `Check.draw` gave for the seed of the evidence.
    outputs : what `Evidence.read` gave, or an `EvidenceError` that it raised.
    """
    try:
        findings = tuple(_findings(check, inputs, outputs))
    except EvidenceError as error:
        findings = (refusal(str(error)),)
    except Refused as error:
        findings = (error.finding,)
    except Unexpected as error:
        findings = (Finding(_noun(check), False, error.got, error.needed, next=error.next),)
    except Exception as error:  # a judge must not take a learner's session or a class down
        said = describe(Raised.from_exception(error))
        findings = (
            refusal(
                f"The check could not read this answer ({said}). "
                "If the answer looks right, report it."
            ),
        )
    return Verdict(check.name, check.points, findings)


class Refused(Exception):
    """The answer cannot be judged; says why, and with which inputs it went wrong."""

    def __init__(self, sentence: str, example: str = "") -> None:
        super().__init__(sentence)
        self.finding = replace(refusal(sentence), example=example)


def refusal(
    sentence: str, next: str = "Mend that, run the task's cell and run the check again."
) -> Finding:
    """The finding of an answer that could not be judged at all."""
    return Finding("Your answer cannot be checked yet", False, detail=sentence, next=next)


def _findings(check: Check, inputs: Inputs, outputs: Any) -> Iterator[Finding]:
    if isinstance(outputs, EvidenceError):
        raise outputs
    if isinstance(check.evidence, Quiz):
        yield _quiz_finding(check.evidence, outputs)
        return
    if isinstance(check.evidence, Calls):
        outputs = _results(check.evidence, inputs, outputs)
    elif isinstance(check.evidence, ModelAndCalls):
        model, results = outputs
        outputs = model, _results(check.evidence, inputs, results)
    elif isinstance(check.evidence, Value) and check.evidence.expect is not None:
        outputs = check.evidence.expect.normalise(outputs)
    yield from check.judge(inputs, outputs)


def _noun(check: Check) -> str:
    return "What your function returns" if isinstance(check.evidence, Calls) else "Your answer"


def _results(evidence: Calls | ModelAndCalls, inputs: Inputs, outputs: Any) -> list[Any]:
    if not isinstance(outputs, list) or len(outputs) != len(inputs.calls):
        raise EvidenceError("The evidence does not hold one result for each call.")
    results = []
    for arguments, output in zip(inputs.calls, outputs, strict=True):
        if isinstance(output, Raised):
            where = f" at line {output.line} of its cell" if output.line else ""
            given = ", ".join(describe(argument) for argument in arguments)
            sentence = f"Your function raised{where}. {describe(output)}."
            raise Refused(sentence, example=f"It was called with {given}.")
        results.append(output if evidence.returns is None else evidence.returns.normalise(output))
    return results


def _quiz_finding(quiz: Quiz, choice: Any) -> Finding:
    letters = ", ".join(quiz.options)
    if type(choice) is not str or choice not in quiz.options:
        return Finding(
            "Your choice", False, describe(choice), f"one of {letters}", next="Pick an option."
        )
    # "holds" alone says whether it is right: the needed letter must not be printed.
    return Finding(
        f"Your choice: {quiz.options[choice]}",
        choice == quiz.answer,
        detail=quiz.why[choice],
        next="" if choice == quiz.answer else "Think again and pick another option.",
    )
