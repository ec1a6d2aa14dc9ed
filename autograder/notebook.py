"""What a notebook calls: ``check = open_checks("quantization")``, then ``check.<name>(answer)``.

While learning, an answer is judged on the spot, on public inputs. Where the environment variable
``COURSE_INPUTS`` names a folder (a grader's sandbox), the same call writes evidence to
``COURSE_EVIDENCE`` instead, and nothing that could judge it is in reach.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import tempfile
import warnings
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from autograder.card import Card, Note
from autograder.check import PUBLIC_SEED, Check, Inputs, Verdict, evaluate, refusal
from autograder.evidence import Evidence, EvidenceError, Quiz, Raised, describe, load
from course import syllabus, workspace


class Checks:
    """The checks of one module, by attribute: ``check.zero_point(answer)``."""

    def __init__(self, slug: str, bound: dict[str, Any]) -> None:
        self._slug = slug
        self._bound = bound

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # asked for by copy, pickle and IPython
            raise AttributeError(name)
        try:
            return self._bound[name]
        except KeyError:
            known = ", ".join(self._bound)
            raise AttributeError(
                f"Module {self._slug} has no check {name!r}; it has {known}."
            ) from None

    def __dir__(self) -> list[str]:
        return sorted(self._bound)

    def __repr__(self) -> str:
        return f"Checks of {self._slug}: {', '.join(self._bound)}"


def open_checks(slug: str) -> Checks:
    """The checks of a module.

    Parameters
    ----------
    slug : the module's slug, such as ``"rules_vs_learning"``.

    Raises
    ------
    LookupError
        When no module has this slug; the message lists those that exist.
    """
    inputs = os.environ.get("COURSE_INPUTS")
    if inputs:
        manifest = json.loads(Path(inputs, "manifest.json").read_text("utf-8"))
        checks = Checks(slug, {name: Collector(name, record) for name, record in manifest.items()})
    else:
        folder = syllabus.find(slug).folder
        found = load_checks(folder / "checks.py")
        checks = Checks(
            slug, {name: BoundCheck(slug, each, folder) for name, each in found.items()}
        )
    _answer_missing_names(checks)
    return checks


def load_checks(path: Path) -> dict[str, Check]:
    """Every check that a module's ``checks.py`` defines, by snake_case name, in its order.

    Raises
    ------
    OSError
        When the file is not there.
    """
    module = _import_file(path)
    found = {}
    for value in vars(module).values():
        if (
            isinstance(value, type)
            and issubclass(value, Check)
            and value.__module__ == module.__name__
        ):
            check = value()
            found[check.name] = check
    return found


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"checks_of_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


class BoundCheck:
    """A check in a learner's notebook: call it with the answer, ask it for a hint."""

    def __init__(self, slug: str, check: Check, folder: Path) -> None:
        self._slug, self._check, self._folder = slug, check, folder
        self._hints_given = 0

    def __call__(self, answer: Any) -> Any:
        """Judge ``answer`` on public inputs, record the points and show the card."""
        if isinstance(self._check.evidence, Quiz):
            return self._ask(answer)
        return self._card(self._judge(answer))

    def hint(self) -> Note:
        """The next hint; after the last one it stays."""
        hints = self._check.hints
        if not hints:
            return Note("Hint", "This check has none; its findings say what to try.")
        index = min(self._hints_given, len(hints) - 1)
        self._hints_given += 1
        return Note(f"Hint {index + 1} of {len(hints)}", hints[index])

    def __repr__(self) -> str:
        return f"Check {self._check.name}: {self._check.title} ({self._check.points:g} points)"

    @cached_property
    def _inputs(self) -> Inputs:
        return self._check.draw(PUBLIC_SEED)

    def _judge(self, answer: Any) -> Verdict:
        check = self._check
        with warnings.catch_warnings():
            # The card says what a warning would, and a check writes nothing to stderr.
            warnings.simplefilter("ignore")
            judge = self._judge_in_child if check.evidence.isolated else self._judge_here
            try:
                return judge(answer)
            except KeyboardInterrupt:
                stopped = refusal(
                    "You stopped the check.", "Run its cell again when you are ready."
                )
                return Verdict(check.name, check.points, (stopped,))

    def _judge_here(self, answer: Any) -> Verdict:
        try:
            outputs = self._check.evidence.observe(answer, list(self._inputs.calls))
        except BaseException as error:
            outputs = _as_evidence_error(error)
        return evaluate(self._check, self._inputs, outputs)

    def _judge_in_child(self, answer: Any) -> Verdict:
        from autograder.judge import judge_folder

        check, path = self._check, self._folder / "checks.py"
        with tempfile.TemporaryDirectory(prefix="course-evidence-") as name:
            try:
                calls = list(self._inputs.calls)
                check.evidence.collect(answer, calls, Path(name, check.name))
            except BaseException as error:
                return evaluate(check, self._inputs, _as_evidence_error(error))
            try:
                return judge_folder(path, [check], Path(name), seed=PUBLIC_SEED)[check.name]
            except OSError as error:
                advice = "Run `course doctor`, or the check once more."
                return Verdict(check.name, check.points, (refusal(str(error), advice),))

    def _card(self, verdict: Verdict) -> Card:
        check = self._check
        note = workspace.record_attempt(self._slug, check.name, verdict.score, verdict.points)
        return Card(check.title, verdict, check.hints, note or "")

    def _ask(self, choice: Any) -> Any:
        from course.widgets import Quiz as QuizWidget

        quiz = self._check.evidence
        known = type(choice) is str and choice in quiz.options
        unanswered = choice is None or (type(choice) is str and choice in ("", "?"))
        if not (known or unanswered):
            return self._card(self._judge(choice))
        return QuizWidget(
            question=quiz.question,
            options=quiz.options,
            task=self._check.name.replace("_", "-"),
            on_choice=lambda letter: self._card(self._judge(letter)).html(),
            choice=choice if known else None,
        )


class Collector:
    """A check in a grader's sandbox: it writes evidence for every set of inputs it was given."""

    def __init__(self, name: str, record: dict[str, Any]) -> None:
        self._name = name
        self._evidence = Evidence.from_manifest(record)

    def __call__(self, answer: Any) -> Note:
        """Write the evidence; nothing in this process knows whether it is right."""
        for inputs in sorted(Path(os.environ["COURSE_INPUTS"], self._name).iterdir()):
            folder = Path(os.environ["COURSE_EVIDENCE"], inputs.name, self._name)
            shutil.rmtree(folder, ignore_errors=True)
            try:
                self._evidence.collect(answer, [tuple(call) for call in load(inputs)], folder)
            except BaseException as error:
                said = str(_as_evidence_error(error))
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "refused.json").write_text(json.dumps(said[:500]), "utf-8")
        return Note(self._name, "Handed in.")

    def hint(self) -> Note:
        """No hints while grading."""
        return Note("Hint", "None while grading.")


def _as_evidence_error(error: BaseException) -> EvidenceError:
    """What to say where collecting an answer ran a learner's code and that raised."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    if isinstance(error, EvidenceError):
        return error
    return EvidenceError(f"Reading it raised {describe(Raised.from_exception(error))}.")


def _answer_missing_names(checks: Checks) -> None:
    """Let ``check.zero_point(zero_point)`` answer a missing variable with a card."""
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is None:
        return

    def handler(self: Any, kind: Any, error: NameError, trace: Any, tb_offset: Any = None) -> None:
        innermost = trace
        while innermost.tb_next is not None:
            innermost = innermost.tb_next
        names = innermost.tb_frame.f_code.co_names
        bound = next((checks._bound[name] for name in names if name in checks._bound), None)
        in_cell = (
            innermost.tb_frame.f_globals is self.user_ns
            and innermost.tb_frame.f_code.co_name == "<module>"
        )
        if (
            bound is None
            or not in_cell
            or "check" not in names
            or not isinstance(bound, BoundCheck)
        ):
            self.showtraceback((kind, error, trace), tb_offset=tb_offset)
            return
        from IPython.display import display

        missing = refusal(
            f"There is no {describe(error.name)} yet.",
            "Run the task's cell above (and the cells before it), then run the check again.",
        )
        verdict = Verdict(bound._check.name, bound._check.points, (missing,))
        display(Card(bound._check.title, verdict, bound._check.hints))

    shell.set_custom_exc((NameError,), handler)
