"""`load` finds every data set by its name, and says calmly what it cannot do."""

import doctest
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import course.data
from course.data import activity, load, names

ROOT = Path(course.data.__file__).parents[2]


def test_importing_the_package_imports_no_data_set_and_no_matplotlib():
    program = (
        "import sys, course.data; print([m for m in sys.modules if 'matplot' in m or 'numpy' in m])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_activity_is_the_one_of_module_01():
    data = load("activity", people=2, windows_per_label=3, seed=9)
    same = activity.generate(people=2, windows_per_label=3, seed=9)
    assert np.array_equal(data.examples, same.acceleration)
    assert np.array_equal(data.labels, same.labels)
    assert (data.units, data.sample_rate_hz, data.label_names) == ("g", 25, activity.LABELS)


@pytest.mark.parametrize("name", sorted(set(names()) - {"keywords"}))
def test_every_data_set_says_what_it_is_and_where_it_is_from(name):
    if name == "digits":
        pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    data = load(name)
    assert data.name == name
    assert len(data) == len(data.labels) == len(data.person) > 0
    assert set(data.labels) == set(range(len(data.label_names)))
    assert data.description.endswith(".")
    assert data.licence
    assert data.units
    assert np.isfinite(data.examples).all()
    assert data.plot().alt


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match=r"no data set 'gesture'; there are activity, gestures"):
        load("gesture")


def test_an_unknown_option_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match=r"no option 'takes'; its options are takes_per_label"):
        load("gestures", takes=3)


def test_people_of_a_set_that_does_not_know_them_are_refused():
    with pytest.raises(ValueError, match="does not say who is who"):
        load("digits", people=3)


def test_a_public_data_set_is_handed_over_with_its_options(monkeypatch):
    from course.data import public

    asked = []
    monkeypatch.setattr(public, "load", lambda name, **options: asked.append((name, options)))
    load("public/uci_har", seed=3, limit=40)
    assert asked == [("uci_har", {"seed": 3, "limit": 40})]


def test_people_of_a_public_data_set_are_refused_before_anything_is_fetched(monkeypatch):
    from course.data import public

    monkeypatch.setattr(public, "load", lambda *_, **__: pytest.fail("it was fetched"))
    with pytest.raises(ValueError, match="has the people who were recorded: leave people out"):
        load("public/uci_har", people=3)


@pytest.mark.parametrize("name", ["public/", "public/mnist", "public/public/uci_har"])
def test_an_unknown_public_data_set_is_answered_with_those_there_are(name):
    with pytest.raises(ValueError, match=r"no public data set .*; there are speech_commands"):
        load(name)


@pytest.mark.parametrize("name", [3, None, ["gestures"]])
def test_what_is_no_name_is_answered_with_those_there_are(name):
    with pytest.raises(ValueError, match="there are activity, gestures"):
        load(name)


def test_names_are_those_that_need_no_network():
    assert set(names()) == {
        "activity", "gestures", "keywords", "digits", "vibration", "people", "hands"
    }  # fmt: skip


def test_examples_in_the_documentation_are_true():
    assert doctest.testmod(course.data).failed == 0
