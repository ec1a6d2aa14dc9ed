"""profile: every operator timed alone, in a process that may end."""

import dataclasses
import time

import pytest

from course.tflite import ModelError
from course.tflite import run as run_module
from course.tflite.inspect import inspect
from course.tflite.profile import Timing, profile, published
from tests.course.tflite.test_inspect_hostile import packed
from tests.models import needs_micro


@pytest.fixture(scope="module")
def quick(zoo):
    return profile(zoo.files["board"], engines=("reference", "xnnpack"), repeats=5)


def test_every_operator_and_the_whole_have_a_time_on_every_engine(zoo, quick):
    operators = inspect(zoo.files["board"]).operators
    assert [step.name for step in quick.steps] == [each.name for each in operators]
    assert [step.macs for step in quick.steps] == [each.macs for each in operators]
    for times in (quick.whole, *(step.times for step in quick.steps)):
        assert set(times) == {"reference", "xnnpack"}
        for timing in times.values():
            assert 0 < timing.low_us <= timing.median_us <= timing.high_us < 1e6
            assert timing.repeats == 5
    assert quick.failures == ()


def test_the_convolution_takes_longer_than_the_reshape(quick):
    times = {step.name: step.times["reference"].median_us for step in quick.steps}
    assert times["CONV_2D"] > times["RESHAPE"]


@needs_micro
def test_tflite_micro_is_timed_too(zoo):
    found = profile(zoo.files["board"], engines="micro", repeats=3)
    assert all("micro" in step.times for step in found.steps)
    assert "micro" in found.whole


@needs_micro
def test_what_an_engine_cannot_run_is_left_out_with_a_reason(zoo):
    found = profile(zoo.files["dynamic"], engines=("reference", "micro"), repeats=3)
    assert "micro" not in found.whole
    assert all("reference" in step.times for step in found.steps)
    assert any("hybrid" in sentence for _, _, sentence in found.failures)
    assert "Not timed" in repr(found)


def test_an_engine_that_is_not_here_is_passed_over(zoo, monkeypatch):
    monkeypatch.setattr(run_module, "micro_here", lambda: False)
    found = profile(zoo.files["board"], engines=("reference", "micro"), repeats=3)
    assert "reference" in found.whole
    assert any("Linux on x86-64 only" in sentence for _, _, sentence in found.failures)


def test_an_operator_that_runs_other_graphs_is_not_cut_out():
    from ai_edge_litert import schema_py_generated as schema

    def branch(model, graph, tensor, operator):
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.IF
        operator.builtinOptionsType = schema.BuiltinOptions.IfOptions
        operator.builtinOptions = schema.IfOptionsT()

    with pytest.raises(ModelError, match="timed alone: it runs other graphs"):
        profile(packed(branch), engines="reference", repeats=3)


def test_a_model_that_never_ends_is_given_up_in_time(endless):
    started = time.monotonic()
    with pytest.raises(ModelError, match=r"ran out of time|ended the process"):
        profile(endless, engines="reference", repeats=3, seconds=2)
    assert time.monotonic() - started < 20


def test_it_says_what_it_cannot_know_and_who_measured_what(quick):
    page = quick._repr_mimebundle_()
    for text in page.values():
        assert "only the MACs are the same" in text
    assert "<img" in page["text/html"]
    assert "Pixel 3" in page["text/html"]
    assert quick.published == published()


def test_published_times_name_their_device_and_source():
    rows = {(each.device, each.model): each for each in published()}
    assert rows["Pixel 3", "Inception V3, float"].milliseconds == 249
    assert rows["Pixel 3", "Inception V3, int8"].accuracy == 0.775
    assert rows["Nano 33 BLE", "keyword model"].milliseconds == 53.7
    assert all(each.source for each in rows.values())


def test_the_figure_tells_its_finding_in_words(quick):
    figure = quick.plot()
    assert "conv 2d" in figure.alt
    assert "µs" in figure.alt
    assert quick.plot(title="A finding").alt.count("A finding") == 1


def test_a_profile_without_a_timed_operator_has_nothing_to_draw(quick):
    empty = dataclasses.replace(
        quick, steps=tuple(dataclasses.replace(step, times={}) for step in quick.steps)
    )
    with pytest.raises(ModelError, match="nothing to draw"):
        empty.plot()
    assert "<img" not in empty._repr_mimebundle_()["text/html"]


def test_a_timing_reads_as_microseconds():
    assert str(Timing(12.345, 12, 13, 9)) == "12.3 µs"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engines": ("reference", "magic")}, "must name some of"),
        ({"engines": ()}, "must name some of"),
        ({"threads": 0}, "threads must be"),
        ({"repeats": 1}, "repeats must be"),
        ({"seconds": 0}, "seconds must be"),
    ],
)
def test_impossible_options_get_a_sentence(zoo, options, words):
    with pytest.raises(ModelError, match=words):
        profile(zoo.files["board"], **options)


def test_a_damaged_file_gets_a_sentence(zoo):
    with pytest.raises(ModelError, match="damaged"):
        profile(zoo.files["board"][:800])
