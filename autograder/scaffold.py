"""A new module that works from its first minute: a source, checks, and the built notebook."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from autograder import build
from course import syllabus

_SOURCE = '''\
# ---
# jupyter:
#   course:
#     title: {quoted}
#     slug: {slug}
#     minutes: 30
#     headless_seconds: 30
#     objectives:
#       - Say in one sentence what the learner can do afterwards
#     needs: []
#     builds: []
# ---

# %% [markdown]
# # {title}
#
# Open with a question that a learner wants answered, and a cell that shows something at once.

# %%
from autograder import open_checks

check = open_checks("{slug}")

# %% [markdown]
# Say what to write, what it receives (shape, unit) and what it returns.

# %% task="mean-of-window"
def mean_of_window(window: list[float]) -> float:
    """Return the mean of a window of readings, in g."""
    ### BEGIN SOLUTION
    return sum(window) / len(window)
    ### END SOLUTION

# %% wrong="mean-of-window" because="you return the sum"
def mean_of_window(window):
    return sum(window)

# %% wrong="mean-of-window" because="nothing (None)"
def mean_of_window(window):
    sum(window) / len(window)

# %% check="mean-of-window"
check.mean_of_window(mean_of_window)
'''

_CHECKS = '''\
"""What this module grades."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autograder import Calls, Check, Finding, Inputs, expect, require


class MeanOfWindow(Check):
    """Mean of a window."""

    points = 2
    evidence = Calls(returns=expect.Number())
    hints = ("Add the readings up, then divide by how many there are.",)

    def inputs(self, rng: np.random.Generator) -> Inputs:
        lengths = rng.integers(3, 9, size=10)
        return Inputs([(rng.normal(size=length).round(3).tolist(),) for length in lengths])

    def judge(self, inputs: Inputs, outputs: list[float]) -> Iterator[Finding]:
        windows = [window for (window,) in inputs.calls]
        yield require.close(
            outputs,
            [float(np.mean(window)) for window in windows],
            tolerance=1e-9,
            calls=inputs.calls,
            title="Mean of 10 windows",
            next="Divide the sum by the number of readings in this very window.",
            mistakes={"you return the sum": [float(np.sum(window)) for window in windows]},
        )
'''


def new_module(title: str, *, after: str) -> list[Path]:
    """Make ``modules/NN_slug`` with a small working module in it, and build its notebook.

    Modules that come later move up by one number.

    Parameters
    ----------
    title : what learners read; the slug is made from it.
    after : slug of the module that the new one follows.

    Returns
    -------
    list of Path
        The new files, and the folders that got a new number.

    Raises
    ------
    LookupError
        When there is no module ``after``.
    ValueError
        When the title gives no slug, or one that is taken.
    """
    slug = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    if not re.match(r"[a-z]", slug):
        raise ValueError(f"The title {title!r} must begin with a letter from a to z.")
    if slug in [path.stem for path in build.sources()]:
        raise ValueError(f"There is a module or lab {slug!r} already.")
    number = syllabus.find(after).number + 1
    if number == 1:
        raise ValueError(f"{after!r} is a lab; name the module that the new one follows.")
    moved = _make_room(number)
    folder = syllabus.root() / "modules" / f"{number:02d}_{slug}"
    folder.mkdir()
    for name, template in ((f"{slug}.py", _SOURCE), ("checks.py", _CHECKS)):
        # JSON's quotes are YAML's: a colon in a title must not end it.
        text = template.replace("{quoted}", json.dumps(title, ensure_ascii=False))
        text = text.replace("{title}", title).replace("{slug}", slug)
        (folder / name).write_text(text, "utf-8")
    return [*sorted(folder.iterdir()), *build.build(slug), *moved]


def _make_room(number: int) -> list[Path]:
    moved = []
    for folder in sorted((syllabus.root() / "modules").glob("[0-9][0-9]_*"), reverse=True):
        if int(folder.name[:2]) >= number:
            target = folder.with_name(f"{int(folder.name[:2]) + 1:02d}{folder.name[2:]}")
            os.rename(folder, target)
            moved.append(target)
    return moved
