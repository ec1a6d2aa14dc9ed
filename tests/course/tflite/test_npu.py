"""npu: what Vela says of a model, as figures; and a sentence where Vela is not."""

import importlib.util
import os

import pytest

from course.tflite import ModelError
from course.tflite.inspect import inspect
from course.tflite.npu import npu

needs_vela = pytest.mark.skipif(
    importlib.util.find_spec("ethosu") is None and not os.environ.get("CI"),
    reason="Vela, an optional part of the course, is not installed.",
)


@needs_vela
def test_an_int8_model_runs_on_the_accelerator(zoo):
    report = npu(zoo.files["board"])
    assert report.cpu == ()
    assert report.cpu_share == 0
    assert [step.name for step in report.steps] == [
        each.name for each in inspect(zoo.files["board"]).operators
    ]
    assert 500 < report.cycles < 50_000
    assert report.milliseconds == pytest.approx(1e3 * report.cycles / report.clock_hz, rel=0.01)
    assert 100 < report.sram_bytes < 10_000
    assert [layer.name for layer in report.layers] == [
        "Conv2D",
        "MaxPool",
        "FullyConnected",
        "FullyConnected",
        "Softmax",
    ]
    # Vela counts what the hardware does, with what it computes besides in its blocks.
    assert 6 * 6 * 6 * 9 <= report.layers[0].macs < 2 * 6 * 6 * 6 * 9
    assert "all operators run on the accelerator" in repr(report)


@needs_vela
def test_a_float_model_runs_on_the_cpu_alone(zoo):
    report = npu(zoo.files["float"])
    assert report.cpu_share == 1
    assert (report.cycles, report.sram_bytes, report.layers) == (0, 0, ())
    assert all("Float32" in step.reason for step in report.cpu)
    assert "100 % of the" in repr(report)
    assert "100 % of the" in report._repr_mimebundle_()["text/html"]


@needs_vela
def test_only_the_operators_that_fall_back_are_named(zoo):
    report = npu(zoo.files["float io"])
    assert {step.name for step in report.cpu} == {"QUANTIZE", "DEQUANTIZE"}
    assert 0 < report.cpu_share < 0.5
    assert report.cycles > 0


@needs_vela
def test_a_larger_accelerator_needs_fewer_cycles(zoo):
    small, large = (npu(zoo.files["board"], accelerator=f"ethos-u55-{macs}") for macs in (32, 256))
    assert large.cycles < small.cycles


@needs_vela
def test_a_damaged_file_gets_a_sentence(zoo):
    with pytest.raises(ModelError, match="damaged"):
        npu(zoo.files["board"][:900])


def test_without_vela_it_says_how_to_get_it(zoo, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "ethosu" else real(name)
    )
    with pytest.raises(ModelError, match="pip install ethos-u-vela"):
        npu(zoo.files["board"])


def test_an_unknown_accelerator_gets_a_sentence(zoo):
    with pytest.raises(ModelError, match="Vela knows ethos-u55-32"):
        npu(zoo.files["board"], accelerator="ethos-u99")
