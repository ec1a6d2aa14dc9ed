"""A class hands in a module: thirty learners of different skill, some of them with odd files.

``python tests/class_of_thirty.py FOLDER`` writes ``FOLDER/student/slug.ipynb`` for each of them.
The answers are the module's own: its solution, its planted wrong answers, nothing at all, or code
that is broken in ways that learners break code.
"""

from __future__ import annotations

import subprocess
import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # Beside this file lies the folder tests/autograder, which would hide the package.
    raise SystemExit(subprocess.call([sys.executable, "-P", *sys.argv]))

import argparse
import io
import json
import keyword
import random
import tokenize
from dataclasses import dataclass
from pathlib import Path

import nbformat

from autograder import build, cells
from autograder.cells import STUB, Source
from course import syllabus

NAMES = (
    "ada", "amir", "ben", "bianca", "caleb", "chloe", "dmitri", "elif", "farid", "grace",
    "hugo", "ines", "jonas", "kofi", "lena", "mei", "nils", "olga", "pablo", "quinn",
    "rosa", "sven", "tara", "umar", "vera", "wen", "xenia", "yusuf", "zara", "zhi",
)  # fmt: skip

KINDS = ("solution", "wrong", "blank", "broken", "endless")

#: What is odd about a learner's file or name; a class of thirty has one of each.
SPECIAL = ("script", "accents", "renamed", "empty", "invalid")

_SCRIPT_NAME, _SAFE_NAME = "eve <script>alert(1)<script>", "eve script"
_ACCENTS_NAME = "Zoë Ångström 陳"


@dataclass(frozen=True)
class Answer:
    """What a learner wrote into one task cell.

    Attributes
    ----------
    kind : one of `KINDS`. What is broken can be right all the same, as in life: a misspelt word
        may stand where nothing reads it.
    source : the cell's text.
    """

    kind: str
    source: str


@dataclass(frozen=True)
class Learner:
    """One member of the class.

    Attributes
    ----------
    name : and name of the folder.
    skill : from 0 to 1.
    answers : by kebab-case name of the task.
    special : one of `SPECIAL`, else empty.
    """

    name: str
    skill: float
    answers: dict[str, Answer]
    special: str = ""


def make_class(
    folder: Path,
    *,
    learners: int = 30,
    seed: int = 0,
    module: str = "rules_vs_learning",
    hostile: bool = False,
    quick: bool = False,
) -> list[Path]:
    """Write what a class hands in; the same arguments write the same bytes.

    Parameters
    ----------
    folder : gets one folder for each learner.
    learners : how many. One in six is special, until each of `SPECIAL` is there once.
    seed : of skills and answers.
    module : slug.
    hostile : let one learner's task run for ever.
    quick : leave the tasks that training needs blank, so that nothing is trained.

    Returns
    -------
    list of Path
        The files, in the order of the learners' names.
    """
    source = cells.read(syllabus.find(module).source)
    ours = build.notebook(source, "learner")
    paths = []
    for learner in draw_class(source, learners=learners, seed=seed, hostile=hostile, quick=quick):
        place = folder / learner.name
        try:
            place.mkdir(parents=True)
        except OSError:
            if learner.special != "script":
                raise
            # Windows has no < and > in names.
            place = folder / _SAFE_NAME
            place.mkdir(parents=True)
        name = "my homework" if learner.special == "renamed" else module
        paths.append(place / f"{name}.ipynb")
        paths[-1].write_bytes(_handed_in(learner, ours, random.Random(f"{seed} {learner.name}")))
    return paths


def draw_class(
    source: Source, *, learners: int = 30, seed: int = 0, hostile: bool = False, quick: bool = False
) -> list[Learner]:
    """Who is in the class, and what they answer; see `make_class`."""
    chance = random.Random(f"class {seed}")
    tasks = source.named("task")
    # A mean skill of 0.6: most learners of most classes get most tasks right.
    skills = [chance.betavariate(3, 2) for _ in range(learners)]
    demands = {name: chance.uniform(0.15, 0.75) for name in tasks}
    names = _names(learners)
    special = dict(zip(chance.sample(range(learners), learners // 6), SPECIAL, strict=False))
    left_blank = training_tasks(source) if quick else set()
    drawn = []
    for number, skill in enumerate(skills):
        answers = {
            name: Answer("blank", cells.without_solution(cell.source))
            if name in left_blank
            else _answer(source, name, skill, demands[name], chance)
            for name, cell in tasks.items()
        }
        kind = special.get(number, "")
        name = {"script": _SCRIPT_NAME, "accents": _ACCENTS_NAME}.get(kind, names[number])
        drawn.append(Learner(name, skill, answers, kind))
    if hostile:
        ordinary = [number for number in range(learners) if not special.get(number)]
        number, task = chance.choice(ordinary), chance.choice(sorted(set(tasks) - left_blank))
        drawn[number].answers[task] = _endless(tasks[task].source)
    return sorted(drawn, key=lambda learner: learner.name)


def training_tasks(source: Source) -> set[str]:
    """The tasks without which nothing is trained.

    A task that trains, the last task above a given cell that does, and every later task whose
    solution uses the model.
    """
    found: set[str] = set()
    last = ""
    for cell in source.cells:
        if cell.role == "task":
            last = cell.name
            if ".fit(" in cell.source or (found and "model" in cell.source):
                found.add(last)
        elif cell.role == "given" and ".fit(" in cell.source and last:
            found.add(last)
    return found


def _names(count: int) -> list[str]:
    rounds = range(1, 1 + -(-count // len(NAMES)))
    every = [name if turn == 1 else f"{name}-{turn}" for turn in rounds for name in NAMES]
    return every[:count]


# --- answers ------------------------------------------------------------------------------------


def _answer(
    source: Source, name: str, skill: float, demand: float, chance: random.Random
) -> Answer:
    text = source.named("task")[name].source
    # A learner whose skill equals the demand is right every second time.
    right = 1 / (1 + 10 ** (4 * (demand - skill)))
    if chance.random() < right:
        return Answer("solution", cells.with_solution(text))
    # The less skilled, the more tasks stay empty or do not run at all.
    wrong, blank, broken = 0.2 + skill, 0.5 * (1 - skill), 0.7 * (1 - skill)
    (kind,) = chance.choices(("wrong", "blank", "broken"), (wrong, blank, broken))
    if kind == "wrong":
        return Answer(kind, chance.choice(source.wrong_answers(name)).source)
    if kind == "blank":
        return Answer(kind, cells.without_solution(text))
    spoil = chance.choice((_syntax_error, _exception, _typing_mistakes))
    return Answer(kind, spoil(text, chance))


def _syntax_error(text: str, chance: random.Random) -> str:
    """The solution without one of its brackets or colons, or with a line that was cut short."""
    solved = cells.with_solution(text)
    places = [place for place, sign in enumerate(solved) if sign in "()[]:"]
    if not places:
        return f"{solved}\n{chance.choice(('if choice ==', 'answer = (', 'for i in'))}"
    while places:
        place = places.pop(chance.randrange(len(places)))
        spoilt = solved[:place] + solved[place + 1 :]
        if not _compiles(spoilt):
            return spoilt
    return solved + "\n)"


def _exception(text: str, chance: random.Random) -> str:
    """The task with a line that raises where the solution belongs."""
    line = chance.choice(
        (
            'raise NotImplementedError("I ran out of time <sorry>")',
            "result = 1 / 0",
            "answer = undefined_helper(4)",
            'result = {"walking": 1}["flying"]',
            "numbers = [1, 2, 3][7]",
        )
    )
    stub = cells.without_solution(text)
    return stub.replace(STUB, line) if STUB in stub else f"{stub}\n{line}"


def _typing_mistakes(text: str, chance: random.Random) -> str:
    """The solution with two neighbouring letters swapped in a third of its words, one at least."""
    solved = cells.with_solution(text)
    words = [
        token
        for token in tokenize.generate_tokens(io.StringIO(solved).readline)
        if token.type == tokenize.NAME and len(set(token.string)) > 2
    ]
    lines = solved.split("\n")
    # From the end, so that earlier places stay where they were.
    for token in sorted(chance.sample(words, max(1, len(words) // 3)), key=lambda t: t.start)[::-1]:
        row, column = token.start
        lines[row - 1] = (
            lines[row - 1][:column]
            + _swapped(token.string, chance)
            + lines[row - 1][token.end[1] :]
        )
    return "\n".join(lines)


def _swapped(word: str, chance: random.Random) -> str:
    places = [place for place in range(len(word) - 1) if word[place] != word[place + 1]]
    for place in chance.sample(places, len(places)):
        swapped = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        if swapped.isidentifier() and not keyword.iskeyword(swapped):
            return swapped
    return word + "s"


def _endless(text: str) -> Answer:
    stub = cells.without_solution(text)
    line = "while True: pass"
    return Answer("endless", stub.replace(STUB, line) if STUB in stub else f"{stub}\n{line}")


def _compiles(text: str) -> bool:
    try:
        compile(text, "<task>", "exec")
    except SyntaxError:
        return False
    return True


# --- files --------------------------------------------------------------------------------------


def _handed_in(learner: Learner, ours: nbformat.NotebookNode, chance: random.Random) -> bytes:
    """The bytes of a learner's notebook, with the traces that working in it leaves."""
    if learner.special == "empty":
        return b""
    record = json.loads(nbformat.writes(ours))
    done = []
    for number, cell in enumerate(record["cells"], 1):
        course = cell["metadata"].get("course", {})
        if "task" in course:
            cell["source"] = learner.answers[course["task"]].source
        elif cell["cell_type"] == "code" and "check" not in course and chance.random() < 0.02:
            cell["source"] = "".join(cell["source"]) + "\n# I changed this cell."
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
        done.append(cell)
        if "task" in course and chance.random() < 0.08:
            done.append(_scratch_cell(number, chance))
    record["cells"] = done
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    if learner.special == "invalid":
        # An upload that broke off.
        text = text[: len(text) // 2]
    return text.encode("utf-8")


def _scratch_cell(number: int, chance: random.Random) -> dict:
    source = chance.choice(
        ("1 + 1", "print('<b>here</b>')", "%time sum(range(100))", "help(round)")
    )
    said = {"output_type": "stream", "name": "stdout", "text": ["<b>here</b>\n"]}
    return {
        "cell_type": "code",
        "id": f"scratch-{number}",
        "metadata": {},
        "execution_count": number,
        "outputs": [said],
        "source": source,
    }


def main() -> None:
    """Write a class into a folder that does not hold one yet, and say who is in it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--learners", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--module", default="rules_vs_learning")
    parser.add_argument("--hostile", action="store_true", help="one task runs for ever")
    parser.add_argument("--quick", action="store_true", help="leave training tasks blank")
    options = vars(parser.parse_args())
    for path in make_class(options.pop("folder"), **options):
        print(path)


if __name__ == "__main__":
    main()
