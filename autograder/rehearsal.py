"""Rehearse a module: the notebook test that every author gets for free.

The solution notebook runs once, from top to bottom. After each check every planted wrong answer
takes the solution's place for a moment. Evidence is collected for several grader seeds at once, so
that models are trained once and judged many times.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder import build, cells, evidence, judge, sandbox
from autograder.cells import headline
from autograder.check import Check, Verdict

#: Under how many seeds a solution must earn every point.
SEEDS = tuple(range(1001, 1011))


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal saw.

    Attributes
    ----------
    seconds : wall time of the run.
    problems : one sentence each; empty when all is well.
    verdicts : (variant, seed, check name) → verdict, for a closer look.
    """

    seconds: float
    problems: tuple[str, ...]
    verdicts: dict[tuple[str, int, str], Verdict]


def rehearse(
    path: Path, *, seeds: Sequence[int] = SEEDS, on_tick: Callable[[], None] | None = None
) -> Rehearsal:
    """Run one source's rehearsal view and judge everything in it.

    Parameters
    ----------
    path : the module's or lab's ``.py`` source.
    seeds : grader seeds.
    on_tick : see `autograder.sandbox.run`.
    """
    source = cells.read(path)
    checks = build.checks_of(source)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="course-rehearsal-") as name:
        folder = Path(name).resolve()
        ran = run_cells(
            build.text(source, "rehearsal"), checks, folder, seeds=seeds, on_tick=on_tick
        )
        problems = ran.problems
        verdicts = _judge(source, checks, folder / "evidence", seeds)
    # A run that broke off explains itself; what follows from it would only hide that.
    if not problems:
        problems = _problems(source, checks, seeds, verdicts)
    return Rehearsal(time.monotonic() - started, tuple(problems), verdicts)


@dataclass(frozen=True)
class Run:
    """How a notebook's run went.

    Attributes
    ----------
    problems : one sentence for each cell that raised, and one when the end was not reached.
    raised : cell id → what it raised, for cells that have an id.
    finished : the run reached its end, as far as a learner's process can be believed.
    ending : why it ended, in words, when it did not.
    peak_bytes : most memory that it held, where the system counts it.
    """

    problems: list[str]
    raised: dict[str, str]
    finished: bool
    ending: str
    peak_bytes: int | None


def run_cells(
    notebook: str,
    checks: dict[str, Check],
    folder: Path,
    *,
    seeds: Sequence[int],
    limits: sandbox.Limits | None = None,
    on_tick: Callable[[], None] | None = None,
) -> Run:
    """Run a notebook's text in a child that only collects evidence, into ``folder/evidence``.

    Raises
    ------
    sandbox.SandboxError
        When the child ended before it ran a cell.
    """
    hand_out(checks, folder / "inputs", seeds)
    (folder / "notebook.ipynb").write_text(notebook, "utf-8")
    places = [folder / name for name in ("work", "evidence", "log")]
    for place in places:
        place.mkdir()
    log = folder / "log" / "log.jsonl"
    outcome = sandbox.run(
        "autograder.execute",
        [str(folder / "notebook.ipynb"), str(log)],
        folder=folder / "work",
        # Each is a mount of its own: a learner's code can fill these folders, not replace them.
        writable=places[1:],
        readable=[folder / "inputs", folder / "notebook.ipynb"],
        limits=limits or sandbox.Limits(wall_seconds=600, cpu_seconds=1200),
        environment={
            "COURSE_INPUTS": str(folder / "inputs"),
            "COURSE_EVIDENCE": str(folder / "evidence"),
        },
        keep_errors=True,
        on_tick=on_tick,
    )
    return read_log(log, outcome, json.loads(notebook)["cells"])


def hand_out(checks: dict[str, Check], folder: Path, seeds: Sequence[int]) -> None:
    """Write what a sandbox may know: the kind of each check's evidence, and its inputs by seed."""
    folder.mkdir(parents=True)
    manifest = {name: check.evidence.manifest() for name, check in checks.items()}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    for name, check in checks.items():
        for seed in seeds:
            calls = [[evidence.plain(item) for item in call] for call in check.draw(seed).calls]
            evidence.save(folder / name / _label(seeds, seed), calls)


def _label(seeds: Sequence[int], seed: int) -> str:
    # The seed itself must not enter the sandbox.
    return f"set-{list(seeds).index(seed)}"


def evidence_folder(folder: Path, seeds: Sequence[int], seed: int) -> Path:
    """Where the evidence for one seed lies below a run's evidence folder."""
    return folder / _label(seeds, seed)


def read_log(path: Path, outcome: sandbox.Outcome, cells: Sequence[dict[str, Any]]) -> Run:
    """How a run of these cells went; a learner may have forged the log, so it only informs."""
    if not outcome.ready:
        last = outcome.errors.strip().splitlines()[-1:]
        because = "".join(f" ({evidence.printable(line[:200])})" for line in last)
        raise sandbox.SandboxError(f"The notebook could not be run: {outcome.reason}{because}.")
    problems, raised, finished = [], {}, False
    for record in _records(path):
        finished |= record.get("finished") is True
        index, error = record.get("index"), record.get("error")
        if isinstance(error, str) and type(index) is int and 0 <= index < len(cells):
            name = headline("".join(cells[index]["source"]))
            said = evidence.printable(error[:400]).rstrip(". ")
            problems.append(f"Cell {index + 1}, {name}, raised {said}.")
            raised[str(cells[index].get("id", ""))] = said
    finished = finished and not outcome.stopped
    ending = "" if finished else f"The notebook did not run to its end: {outcome.reason}."
    problems += [ending] if ending else []
    return Run(problems, raised, not ending, ending, outcome.peak_bytes)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = evidence.read_regular(path, 1 << 20).splitlines()
    except evidence.EvidenceError:
        return
    for line in lines[:1000]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def _judge(
    source: cells.Source, checks: dict[str, Check], folder: Path, seeds: Sequence[int]
) -> dict[tuple[str, int, str], Verdict]:
    verdicts = {}
    for variant, names in _variants(source).items():
        chosen = [checks[name] for name in names]
        for seed in seeds:
            where = evidence_folder(folder / variant, seeds, seed)
            judged = judge.judge_here(chosen, where, seed=seed)
            verdicts |= {(variant, seed, name): verdict for name, verdict in judged.items()}
    return verdicts


def _variants(source: cells.Source) -> dict[str, list[str]]:
    """Variant → names of the checks that were run for it."""
    variants: dict[str, list[str]] = {"solution": [], "restored": []}
    for cell in source.cells:
        if cell.role == "check":
            variants["solution"].append(cell.attribute)
            variants["restored"].append(cell.attribute)
            for number, _ in enumerate(source.wrong_answers(cell.name), 1):
                variants.setdefault(f"wrong-{number}", []).append(cell.attribute)
    return variants


def _problems(
    source: cells.Source,
    checks: dict[str, Check],
    seeds: Sequence[int],
    verdicts: dict[tuple[str, int, str], Verdict],
) -> list[str]:
    problems = []
    for variant in ("solution", "restored"):
        for name in checks:
            failed = [seed for seed in seeds if not verdicts[variant, seed, name].passed]
            if failed:
                said = _said(verdicts[variant, failed[0], name])
                problems.append(
                    f"The {variant} answer to {name} fails with {_seeds(failed)}: {said}"
                )
    for cell in source.cells:
        if cell.role != "check":
            continue
        answers = source.wrong_answers(cell.name)
        if len(answers) < 2:
            problems.append(f"Check {cell.attribute} needs at least two planted wrong answers.")
        for number, answer in enumerate(answers, 1):
            judged = {seed: verdicts[f"wrong-{number}", seed, cell.attribute] for seed in seeds}
            if accepted := [seed for seed, verdict in judged.items() if verdict.passed]:
                problems.append(
                    f"{cell.attribute} accepts {answer.because!r} with {_seeds(accepted)}."
                )
            unnamed = [
                seed
                for seed, verdict in judged.items()
                if not verdict.passed and answer.because.lower() not in _said(verdict).lower()
            ]
            if unnamed:
                problems.append(
                    f"{cell.attribute} refuses {answer.because!r} with {_seeds(unnamed)}, but no "
                    f"failed finding names that mistake: {_said(judged[unnamed[0]])}"
                )
    return problems


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed {seeds[0]}" + (f" and {len(seeds) - 1} more" if len(seeds) > 1 else "")


def _said(verdict: Verdict) -> str:
    return " | ".join(finding.text for finding in verdict.findings if not finding.holds)
