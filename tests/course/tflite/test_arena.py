"""arena: the smallest that runs, found by trying."""

import pytest

from course.tflite import ModelError, Runner, arena
from course.tflite import run as run_module
from tests.models import needs_micro


@needs_micro
@pytest.mark.parametrize("name", ["board", "float"])
def test_the_model_runs_in_it_and_in_no_smaller_one(zoo, name):
    data = zoo.files[name]
    found = arena(data)
    assert found.exact
    assert found.bytes % 16 == 0
    with Runner(data, engine="micro", arena_bytes=found.bytes) as tight:
        answers = tight.predict(zoo.hidden[0][:20])
    with Runner(data, engine="micro") as roomy:
        assert (roomy.predict(zoo.hidden[0][:20]) == answers).all()
    for less in (16, 64, 512):
        with pytest.raises(ModelError, match="too small"):
            Runner(data, engine="micro", arena_bytes=found.bytes - less)


@needs_micro
def test_the_second_question_is_answered_from_memory(zoo, tmp_path, monkeypatch):
    path = tmp_path / "model.tflite"
    path.write_bytes(zoo.files["board"])
    first = arena(zoo.files["board"])

    def never(*arguments):
        raise AssertionError("searched again")

    monkeypatch.setattr("course.tflite.run.micro_here", never)
    assert arena(path) is first


@needs_micro
@pytest.mark.parametrize(("name", "words"), [("dynamic", "hybrid"), ("truncated", "cut short")])
def test_a_model_that_never_runs_says_why(zoo, name, words):
    data = zoo.files["board"][:1500] if name == "truncated" else zoo.files[name]
    with pytest.raises(ModelError, match=words):
        arena(data)


def test_elsewhere_it_is_an_estimate_that_says_so(zoo, monkeypatch):
    pytest.importorskip("course.tflite.inspect", reason="The planner is not there yet.")
    monkeypatch.setattr(run_module, "micro_here", lambda: False)
    found = arena(zoo.files["uint8 io"])
    assert not found.exact
    assert "estimated" in found.how
    assert found.bytes > 0
