"""Judge evidence in a process of its own: limits around it, no learner code in it.

``python -m autograder.judge SPEC`` reads a JSON file that names the module's ``checks.py``, the
checks, the seed, the evidence folder and the file for verdicts, and appends one verdict a line.
With ``--stay CHECKS`` it answers many such records, for a class.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder import sandbox
from autograder.check import Check, Verdict, evaluate, refusal
from autograder.evidence import MAX_JSON_BYTES, EvidenceError, read_regular

#: Seconds that a child may take before its first judge; importing TensorFlow takes 5 to 10.
START_SECONDS = 20


def judge_folder(
    checks_path: Path,
    checks: Sequence[Check],
    folder: Path,
    *,
    seed: int,
    on_tick: Callable[[], None] | None = None,
    court: Court | None = None,
) -> dict[str, Verdict]:
    """Verdicts for the evidence in ``folder``, by check name; every check gets one.

    Parameters
    ----------
    checks_path : the module's ``checks.py``.
    checks : which of its checks to judge.
    folder : evidence, one sub-folder a check.
    seed : the seed that the inputs of this evidence were drawn from.
    on_tick : called about five times a second while waiting.
    court : a judge that stays, for a class; else each call starts its own.

    Notes
    -----
    A judge that crashes or hangs on one piece of evidence costs only that check: the rest is
    judged in a new child.

    Raises
    ------
    sandbox.SandboxError
        When a child ended before it looked at any evidence.
    """
    # A model can take its judge over; nobody else is judged in the same process or box.
    plain = [check for check in checks if not check.evidence.isolated]
    verdicts: dict[str, Verdict] = {}
    if court is not None and plain:
        folder = court.admit(folder)
        verdicts = _all_judged(
            plain, lambda waiting: court.judge(checks_path, waiting, folder, seed, on_tick)
        )
        checks = [check for check in checks if check.evidence.isolated]
    return verdicts | _all_judged(
        checks, lambda waiting: _in_a_child(checks_path, waiting, folder, seed, on_tick)
    )


#: Judges what it is given; returns verdicts and how the judging process ended.
_Judging = Callable[[list[Check]], tuple[dict[str, Verdict], sandbox.Outcome]]


def _all_judged(checks: Sequence[Check], judging: _Judging) -> dict[str, Verdict]:
    """A verdict for each check, from as many judging processes as it takes."""
    verdicts: dict[str, Verdict] = {}
    waiting = list(checks)
    while waiting:
        found, outcome = judging(waiting)
        verdicts |= found
        left = [check for check in waiting if check.name not in verdicts]
        if len(left) == len(waiting) or outcome.returncode:
            failed, left = left[:1], left[1:]
            for check in failed:
                verdicts[check.name] = _crashed(check, outcome)
        waiting = left
    return verdicts


def _question(
    checks_path: Path, checks: Sequence[Check], folder: Path, seed: int, out: Path
) -> dict[str, Any]:
    out.unlink(missing_ok=True)
    return {
        "checks": str(checks_path.resolve()),
        "names": [check.name for check in checks],
        "seed": seed,
        "folder": str(folder.resolve()),
        "out": str(out),
    }


def _in_a_child(
    checks_path: Path,
    checks: list[Check],
    folder: Path,
    seed: int,
    on_tick: Callable[[], None] | None,
) -> tuple[dict[str, Verdict], sandbox.Outcome]:
    seconds = START_SECONDS + sum(check.seconds for check in checks)
    with tempfile.TemporaryDirectory(prefix="course-judge-") as scratch:
        spec, out = Path(scratch, "spec.json"), Path(scratch, "verdicts.jsonl")
        spec.write_text(json.dumps(_question(checks_path, checks, folder, seed, out)), "utf-8")
        outcome = sandbox.run(
            "autograder.judge",
            [str(spec)],
            folder=Path(scratch),
            limits=sandbox.Limits(wall_seconds=seconds),
            readable=[checks_path.resolve(), folder],
            keep_errors=True,
            on_tick=on_tick,
        )
        if not outcome.ready:
            last = outcome.errors.strip().splitlines()[-1:] or [""]
            raise sandbox.SandboxError(
                f"The judge could not start: {outcome.reason}. {last[0][:200]}"
            )
        return _read(out, checks), outcome


class Court:
    """A judge that stays for a whole class, so that Python is not started for each submission.

    It judges plain evidence only, each submission's in a fork of its own. Linux only: elsewhere
    forking a process that has threads is not safe.
    """

    def __init__(self) -> None:
        self._resident: sandbox.Resident | None = None
        self._checks_path: Path | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="course-court-")).resolve()
        self._desk = self._folder / "desk"
        self._desk.mkdir()
        self._out = self._folder / "out"
        self._out.mkdir()

    @staticmethod
    def possible() -> bool:
        """Whether this system can have one."""
        return sys.platform == "linux"

    def admit(self, folder: Path) -> Path:
        """Bring the evidence of one submission where the judge can read it; the last one goes."""
        for earlier in self._desk.iterdir():
            sandbox.remove(earlier)
        place = self._desk / "evidence"
        if not folder.is_dir():
            return place
        shutil.move(folder, place)
        sandbox.give(place)
        return place

    def judge(
        self,
        checks_path: Path,
        checks: list[Check],
        folder: Path,
        seed: int,
        on_tick: Callable[[], None] | None,
    ) -> tuple[dict[str, Verdict], sandbox.Outcome]:
        """Verdicts on what `admit` brought, and how the judging process ended."""
        if self._resident is None or not self._resident.alive or self._checks_path != checks_path:
            self._dismiss()
            self._checks_path = checks_path
            self._resident = sandbox.Resident(
                "autograder.judge",
                ["--stay", str(checks_path.resolve())],
                folder=self._out,
                limits=sandbox.Limits(),
                readable=[checks_path.resolve(), self._desk],
                seconds=START_SECONDS,
            )
        out = self._out / "verdicts.jsonl"
        outcome = self._resident.ask(
            _question(checks_path, checks, folder, seed, out),
            seconds=sum(check.seconds for check in checks),
            on_tick=on_tick,
        )
        return _read(out, checks), outcome

    def _dismiss(self) -> None:
        if self._resident is not None:
            self._resident.close()
        self._resident = None

    def close(self) -> None:
        """End the judge and remove its folder."""
        self._dismiss()
        sandbox.remove(self._folder)


def judge_here(checks: Sequence[Check], folder: Path, *, seed: int) -> dict[str, Verdict]:
    """The same verdicts in this process: only for evidence that we made ourselves."""
    return {check.name: _judge(check, folder, seed) for check in checks}


def _judge(check: Check, folder: Path, seed: int) -> Verdict:
    return evaluate(check, check.draw(seed), read_evidence(check, folder / check.name))


def read_evidence(check: Check, folder: Path) -> Any:
    """What the judge receives for one check, or the `EvidenceError` that says why nothing."""
    refused = folder / "refused.json"
    try:
        if folder.is_symlink():
            return EvidenceError("The evidence is a link.")
        if os.path.lexists(refused):
            return EvidenceError(str(json.loads(read_regular(refused, 10_000)))[:500])
        return check.evidence.read(folder)
    except EvidenceError as error:
        return error
    except (OSError, ValueError, RecursionError) as error:
        return EvidenceError(f"The evidence cannot be read ({type(error).__name__}).")


def _read(path: Path, checks: Sequence[Check]) -> dict[str, Verdict]:
    """The verdicts in a child's file on the checks that it was given."""
    points = {check.name: check.points for check in checks}
    verdicts = {}
    try:
        lines = read_regular(path, MAX_JSON_BYTES).decode("utf-8", "replace").splitlines()
    except EvidenceError:  # none was written
        return {}
    for line in lines:
        try:
            verdict = Verdict.from_json(json.loads(line))
            verdict = replace(verdict, points=points[verdict.check])
            whole = 0 <= verdict.score <= verdict.points
        except (ValueError, TypeError, KeyError, RecursionError):
            continue  # a crash cut the line short, or it is forged: its check counts as not judged
        if whole:
            verdicts[verdict.check] = verdict
    return verdicts


def _crashed(check: Check, outcome: sandbox.Outcome) -> Verdict:
    last = outcome.errors.strip().splitlines()[-1:] if outcome.returncode > 0 else []
    because = f" ({last[0][:200]})" if last else ""
    sentence = f"The process that reads your answer stopped: {outcome.reason}{because}."
    if check.evidence.isolated:
        advice = "Make the file anew and look at its size; a truncated or damaged file does this."
        return Verdict(check.name, check.points, (refusal(sentence, advice),))
    return Verdict(check.name, check.points, (refusal(sentence),))


def main(*arguments: str) -> None:
    """The child's side; see the module's docstring."""
    from autograder.notebook import load_checks

    stays = arguments[0] == "--stay"
    spec = {} if stays else json.loads(Path(arguments[0]).read_text("utf-8"))
    checks = load_checks(Path(arguments[1] if stays else spec["checks"]))

    def work(spec: dict[str, Any]) -> None:
        with open(spec["out"], "a", encoding="utf-8") as out:
            for name in spec["names"]:
                verdict = _judge(checks[name], Path(spec["folder"]), spec["seed"])
                out.write(json.dumps(verdict.to_json()) + "\n")
                out.flush()

    if stays:
        sandbox.answer(work)
    else:
        sandbox.ready()
        work(spec)


if __name__ == "__main__":
    main(*sys.argv[1:])
