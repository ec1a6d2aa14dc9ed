"""A course of two small modules: one to solve, and one whose judges can be made to crash."""

import json
from pathlib import Path

import pytest
from hypothesis import settings

import autograder
from autograder import build, cells, notebook
from course import syllabus

# No deadline: other work may share the machine. No database: a run leaves no folder behind.
settings.register_profile("autograder", deadline=None, database=None)
settings.load_profile("autograder")

TOY = '''\
# ---
# jupyter:
#   course:
#     title: Toy
#     slug: toy
#     minutes: 5
#     headless_seconds: 5
#     objectives: [Write a function]
#     needs: []
#     builds: []
# ---

# %% [markdown]
# # Toy

# %%
from autograder import open_checks

check = open_checks("toy")

# %% task="zero-point"
def zero_point(low: float, scale: float) -> int:
    """Zero point of an asymmetric int8 tensor."""
    ### BEGIN SOLUTION
    return round(-128 - low / scale)
    ### END SOLUTION

# %% wrong="zero-point" because="you used the uint8 range"
def zero_point(low, scale):
    return round(-low / scale)

# %% wrong="zero-point" because="nothing (None)"
def zero_point(low, scale):
    pass

# %% check="zero-point"
check.zero_point(zero_point)

# %% [markdown]
# Two numbers, the lower one first.

# %%
speeds = [1.0, 2.0, 7.0, 8.0]

# %% task="thresholds"
best = None  # (lower, upper)
### BEGIN SOLUTION
best = (2.5, 6.5)
### END SOLUTION

# %% wrong="thresholds" because="Swap them"
best = (6.5, 2.5)

# %% wrong="thresholds" because="shape 3"
best = [1, 2, 3]

# %% check="thresholds"
check.thresholds(best)

# %% task="size"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION

# %% wrong="size" because="Those are bits"
choice = "a"

# %% wrong="size" because="one of a, b"
choice = "z"

# %% check="size"
check.size(choice)
'''

TOY_CHECKS = '''\
from autograder import Calls, Check, Inputs, Quiz, Value, expect, require


class ZeroPoint(Check):
    """Zero point of an asymmetric int8 tensor."""

    points = 3
    evidence = Calls(returns=expect.Number(whole=True))
    hints = ("Which int8 value must `low` map to?", "Solve it for q = -128.")

    def inputs(self, rng):
        draw = lambda: (float(-rng.uniform(0.1, 3)), float(rng.uniform(0.01, 0.1)))
        return Inputs([draw() for _ in range(5)])

    def judge(self, inputs, outputs):
        yield require.equal(
            outputs,
            [round(-128 - low / scale) for low, scale in inputs.calls],
            title="Zero points",
            next="Map low to -128.",
            calls=inputs.calls,
            mistakes={
                "you used the uint8 range": [round(-low / scale) for low, scale in inputs.calls]
            },
        )


class Thresholds(Check):
    """Two thresholds."""

    points = 2
    evidence = Value(expect=expect.Array((2,)))

    def judge(self, inputs, outputs):
        low, high = outputs
        yield require.holds(low < high, title="Order", next="Swap them.", got=f"{low:g}, {high:g}")
        yield require.at_most(
            low, 3, title="Lower one", next="Lower it.", unit=lambda v: f"{v:g} mph", weight=3
        )


class Size(Check):
    """How large an int8 is."""

    points = 1
    evidence = Quiz(
        "How many bytes is an int8?",
        {"a": "8", "b": "1"},
        "b",
        {"a": "Those are bits.", "b": "Eight bits are one byte."},
    )
'''

KINDS = """\
# ---
# jupyter:
#   course:
#     title: Kinds
#     slug: kinds
#     minutes: 5
#     headless_seconds: 5
#     objectives: []
#     needs: []
#     builds: []
# ---

# %%
from autograder import open_checks

check = open_checks("kinds")
"""
KIND_CHECKS = '''\
import os
import time

import numpy as np

from autograder import (
    Calls, Check, Folder, Inputs, Model, ModelAndCalls, Quiz, Value, expect, require
)


class Anything(Check):
    """Any plain value."""

    evidence = Value()

    def judge(self, inputs, outputs):
        yield require.holds(outputs == 42, title="Number", next="Think of 42.")


class Word(Check):
    """One word."""

    evidence = Value(expect=expect.Text(("walking", "running")))

    def judge(self, inputs, outputs):
        yield require.holds(outputs == "walking", title="Word", next="Slow down.")


class Arrays(Check):
    """A function of one array."""

    points = 2
    evidence = Calls(returns=expect.Array((3,)))

    def inputs(self, rng):
        return Inputs([(rng.normal(size=(3,)), [[1.0, 2.0]]) for _ in range(4)])

    def judge(self, inputs, outputs):
        right = [values for values, _ in inputs.calls]
        yield require.close(outputs, right, tolerance=1e-9, title="Values", next="Return them.")


class Letter(Check):
    """A letter."""

    evidence = Quiz("Which?", {"a": "A", "b": "B"}, "b", {"a": "Not that one.", "b": "That one."})


class TinyModel(Check):
    """A model that adds."""

    evidence = Model(max_bytes=1 << 20)
    seconds = 30

    def inputs(self, rng):
        return Inputs(key=rng.normal(size=(4, 2)).astype("float32"))

    def judge(self, inputs, outputs):
        given = outputs.run(inputs.key)
        right = [row.sum(keepdims=True) for row in inputs.key]
        yield require.close(list(given), right, tolerance=1e-4, title="Sums", next="Add them.")


class SameSums(Check):
    """A model and what its maker got from it."""

    evidence = ModelAndCalls(max_bytes=1 << 20, returns=expect.Array((1,)))
    seconds = 30

    def inputs(self, rng):
        return Inputs([(row,) for row in rng.normal(size=(4, 2)).astype("float32")])

    def judge(self, inputs, outputs):
        model, results = outputs
        given = model.run(np.stack([row for (row,) in inputs.calls]))
        yield require.close(list(given), results, tolerance=1e-4, title="Sums", next="Save it.")


class App(Check):
    """A folder with a page."""

    evidence = Folder(max_bytes=1 << 20)

    def judge(self, inputs, outputs):
        yield require.holds((outputs / "index.html").is_file(), title="Page", next="Write it.")


class Fragile(Check):
    """A judge that can be made to fail."""

    points = 2
    evidence = Value()
    seconds = 1

    def judge(self, inputs, outputs):
        if outputs == "abort":
            os.abort()
        if outputs == "exit":
            os._exit(3)
        if outputs == "hang":
            time.sleep(600)
        if outputs == "memory":
            bytearray(8 << 30)
        if outputs == "raise":
            raise ZeroDivisionError("odd")
        yield require.holds(outputs == "fine", title="Outputs", next="Say fine.")
'''


def write_module(root: Path, folder: str, source: str, checks: str) -> Path:
    """Writes one module with its learner notebook; returns the path of its source."""
    place = root / "modules" / folder
    place.mkdir(parents=True)
    path = place / f"{folder[3:]}.py"
    path.write_text(source, "utf-8")
    (place / "checks.py").write_text(checks, "utf-8")
    text = build.text(cells.read(path), "learner")
    path.with_suffix(".ipynb").write_text(text, "utf-8")
    return path


@pytest.fixture(scope="session")
def course_root(tmp_path_factory):
    """The checkout of the small course."""
    root = tmp_path_factory.mktemp("checkout")
    write_module(root, "01_toy", TOY, TOY_CHECKS)
    place = root / "modules" / "02_kinds"
    place.mkdir()
    (place / "kinds.py").write_text(KINDS, "utf-8")
    (place / "checks.py").write_text(KIND_CHECKS, "utf-8")
    facts = {"title": "Kinds", "slug": "kinds", "checks": []}
    record = {"cells": [], "metadata": {"course": facts}, "nbformat": 4, "nbformat_minor": 5}
    (place / "kinds.ipynb").write_text(json.dumps(record), "utf-8")
    return root


@pytest.fixture(autouse=True)
def course(course_root, monkeypatch):
    """Every test here runs in the small course, outside any workspace."""
    monkeypatch.setattr(syllabus, "_ROOT", course_root)
    monkeypatch.setenv("PYTHONPATH", str(Path(autograder.__file__).parents[1]))
    for name in ("COURSE_WORKSPACE", "COURSE_INPUTS", "COURSE_EVIDENCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(course_root)
    return course_root


@pytest.fixture
def toy(course_root):
    """Path of the toy's source."""
    return course_root / "modules" / "01_toy" / "toy.py"


@pytest.fixture
def toy_texts():
    """The toy's source and its checks, to write variations of."""
    return TOY, TOY_CHECKS


@pytest.fixture
def make_module(tmp_path):
    """Writes a module into a checkout of its own; returns the path of its source."""

    def make(source, checks):
        return write_module(tmp_path / "made", "01_toy", source, checks)

    return make


@pytest.fixture(scope="session")
def kinds_path(course_root):
    """The ``checks.py`` whose judges can be made to fail."""
    return course_root / "modules" / "02_kinds" / "checks.py"


@pytest.fixture
def kinds(kinds_path):
    """One check of each kind, by name."""
    return notebook.load_checks(kinds_path)


@pytest.fixture
def check():
    """What ``open_checks("kinds")`` gives a learner."""
    return notebook.open_checks("kinds")
