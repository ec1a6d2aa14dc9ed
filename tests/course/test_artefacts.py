"""What earlier modules left behind: whose it is, and that the references are good."""

import json

import numpy as np
import pytest

from course import artefacts, syllabus, workspace
from course.data import gestures
from course.tflite import Runner

#: Module 02 asks for 85 % and 5,000 parameters.
NEEDED = 0.85


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Lays a file where Module 02 leaves it, in a workspace of its own; returns its path."""
    monkeypatch.setenv("COURSE_WORKSPACE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (module,) = (each for each in syllabus.modules() if "gesture.keras" in each.builds)
    folder = tmp_path / workspace.location(module).parent
    folder.mkdir(parents=True)
    (tmp_path / ".course").mkdir()

    def lay(name, data):
        (folder / name).write_bytes(data)
        return folder / name

    return lay


@pytest.fixture
def nobody(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_a_workspace_the_reference_is_used_and_it_says_so(nobody, capsys):
    assert artefacts.find("gesture.keras") == artefacts.REFERENCES / "gesture.keras"
    assert artefacts.tflite("gesture") == artefacts.REFERENCES / "gesture.tflite"
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert all("ships with the course" in line for line in said)


def test_the_learners_own_comes_first_and_it_says_so(own, capsys):
    path = own("gesture.keras", b"mine")
    assert artefacts.find("gesture.keras") == path
    assert "your own gesture.keras" in capsys.readouterr().out


def test_what_no_module_leaves_and_nobody_ships_is_named(nobody):
    with pytest.raises(LookupError, match=r"no 'dance.keras'; it ships .*gesture.keras"):
        artefacts.find("dance.keras")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 cut short", b"\0" * 5000])
def test_a_damaged_model_of_the_learners_gives_way_to_the_reference(own, capsys, data):
    own("gesture.keras", data)
    assert artefacts.tflite("gesture") == artefacts.REFERENCES / "gesture.tflite"
    first, second = capsys.readouterr().out.splitlines()
    assert "Your own gesture.keras cannot be used here" in first
    assert "ships with the course" in second


@pytest.mark.slow
def test_the_learners_own_is_converted_once(own, capsys):
    path = own("gesture.keras", (artefacts.REFERENCES / "gesture.keras").read_bytes())
    first = artefacts.tflite("gesture")
    stamp = first.stat().st_mtime_ns
    assert artefacts.tflite("gesture") == first
    assert first.stat().st_mtime_ns == stamp
    assert path.parent.parent in first.parents
    assert capsys.readouterr().out.count("your own gesture.keras") == 2


@pytest.mark.slow
def test_a_model_for_something_else_gives_way_to_the_reference(own, tmp_path, capsys):
    from course.training import keras

    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)])
    model.save(tmp_path / "other.keras")
    own("gesture.keras", (tmp_path / "other.keras").read_bytes())
    assert artefacts.tflite("gesture") == artefacts.REFERENCES / "gesture.tflite"
    assert "arrays of another shape" in capsys.readouterr().out


def test_the_reference_knows_people_of_twenty_seeds_with_a_margin():
    runner = Runner(artefacts.REFERENCES / "gesture.tflite", isolated=False)
    reached = []
    for seed in range(5000, 5020):
        data = gestures.generate(people=16, takes_per_label=6, seed=seed)
        scores = runner(data.examples / 1000)
        assert np.allclose(scores.sum(axis=1), 1, atol=1e-4)
        reached.append((scores.argmax(axis=1) == data.labels).mean())
    print(json.dumps({"mean": np.mean(reached), "least": min(reached)}))
    assert min(reached) >= NEEDED + 0.03
