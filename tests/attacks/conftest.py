"""What attacks share: a course of small modules, a range to grade in, two kinds of protection."""

import os
import sys

import pytest

from autograder import isolation

pytest.register_assert_rewrite("tests.attacks.firing_range")

from tests.attacks.firing_range import (  # noqa: E402
    FIELD,
    FIELD_SIZE,
    HEAD,
    SITES,
    TASK,
    ZOO,
    ZOO_SIZE,
    Range,
    code,
    notebook,
    place,
)
from tests.autograder.conftest import TOY, TOY_CHECKS, write_module  # noqa: E402


@pytest.fixture(scope="session")
def small_course(tmp_path_factory):
    """A checkout with the toy, the field and the zoo; the path of each one's source by slug."""
    root = tmp_path_factory.mktemp("checkout")
    places = "".join(
        TASK.format(name=f"place{number:02d}", answer="lambda values: 2 * values")
        for number in range(FIELD_SIZE)
    )
    cages = "".join(
        TASK.format(name=f"cage{number:02d}", answer="b''") for number in range(ZOO_SIZE)
    )
    sites = "".join(TASK.format(name=f"site{number:02d}", answer="'.'") for number in range(SITES))
    return {
        "toy": write_module(root, "01_toy", TOY, TOY_CHECKS),
        "field": write_module(
            root, "02_field", HEAD.format(slug="field") + places, FIELD.format(count=FIELD_SIZE)
        ),
        "zoo": write_module(
            root,
            "03_zoo",
            HEAD.format(slug="zoo") + cages + sites,
            ZOO.format(cages=ZOO_SIZE, sites=SITES),
        ),
    }


@pytest.fixture(scope="session")
def checkout(small_course):
    return small_course["toy"].parents[2]


@pytest.fixture
def the_range(checkout, tmp_path):
    return Range(checkout, tmp_path / "range")


@pytest.fixture(scope="session")
def make_range(checkout, tmp_path_factory):
    """For attacks that many tests look at: a range that lasts."""
    return lambda: Range(checkout, tmp_path_factory.mktemp("range"))


@pytest.fixture
def blank(small_course):
    return notebook(small_course["toy"])


@pytest.fixture
def solved(small_course):
    return notebook(small_course["toy"], "solution")


@pytest.fixture
def attack(the_range, blank):
    """Hands in the toy with these answers; ``first`` and ``last`` are cells of the attacker's."""

    def run(first="", last="", answers=None, **limits):
        for task, text in (answers or {}).items():
            place(blank, f"task-{task}")["source"] = text
        cells = blank["cells"]
        added = [code(first)] if first else []
        after = [last] if isinstance(last, str) else last
        blank["cells"] = [*added, *cells, *(code(each) for each in after if each)]
        return the_range.hand_in(blank, **limits)

    return run


def require_bubblewrap():
    """Skip where bubblewrap cannot run; fail where it must be."""
    if isolation.bubblewrap():
        return
    if os.environ.get("CI") and sys.platform == "linux":
        pytest.fail("CI needs bubblewrap; .ci/run installs it.")
    pytest.skip("Bubblewrap cannot run on this machine.")


@pytest.fixture(scope="session")
def bubblewrap():
    require_bubblewrap()


@pytest.fixture(params=["bubblewrap", "process limits"])
def protection(request, monkeypatch):
    """Both ways to run: inside bubblewrap, and with the least protection that there is."""
    if request.param == "bubblewrap":
        require_bubblewrap()
    else:
        monkeypatch.setattr(isolation, "bubblewrap", lambda: "")
    return request.param
