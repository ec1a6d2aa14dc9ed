"""Judge evidence in a process of its own: limits around it, no learner code in it.

``python -m autograder.judge SPEC`` reads a JSON file that names the module's ``checks.py``, the
checks, the seed, the evidence folder and the file for verdicts, and appends one verdict a line.
"""

from __future__ import annotations

import json
import os
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
) -> dict[str, Verdict]:
    """Verdicts for the evidence in ``folder``, by check name; every check gets one.

    Parameters
    ----------
    checks_path : the module's ``checks.py``.
    checks : which of its checks to judge.
    folder : evidence, one sub-folder a check.
    seed : the seed that the inputs of this evidence were drawn from.

    Notes
    -----
    A judge that crashes or hangs on one piece of evidence costs only that check: the rest is
    judged in a new child.

    Raises
    ------
    sandbox.SandboxError
        When a child ended before it looked at any evidence.
    """
    verdicts: dict[str, Verdict] = {}
    waiting = list(checks)
    with tempfile.TemporaryDirectory(prefix="course-judge-") as scratch:
        while waiting:
            seconds = START_SECONDS + sum(check.seconds for check in waiting)
            spec, out = Path(scratch, "spec.json"), Path(scratch, "verdicts.jsonl")
            out.unlink(missing_ok=True)
            record = {
                "checks": str(checks_path.resolve()),
                "names": [check.name for check in waiting],
                "seed": seed,
                "folder": str(folder.resolve()),
                "out": str(out),
            }
            spec.write_text(json.dumps(record), "utf-8")
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
            verdicts |= _read(out, waiting)
            left = [check for check in waiting if check.name not in verdicts]
            if len(left) == len(waiting) or outcome.returncode:
                failed, left = left[:1], left[1:]
                for check in failed:
                    verdicts[check.name] = _crashed(check, outcome)
            waiting = left
    return verdicts


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


def main(spec_path: str) -> None:
    """The child's side; see the module's docstring."""
    from autograder.notebook import load_checks

    spec = json.loads(Path(spec_path).read_text("utf-8"))
    checks = load_checks(Path(spec["checks"]))
    sandbox.ready()
    with open(spec["out"], "a", encoding="utf-8") as out:
        for name in spec["names"]:
            verdict = _judge(checks[name], Path(spec["folder"]), spec["seed"])
            out.write(json.dumps(verdict.to_json()) + "\n")
            out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
