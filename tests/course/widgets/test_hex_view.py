"""The hex view: what it names in a model file, and that no file of any kind harms it."""

import itertools
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.artefacts import REFERENCES
from course.widgets import HexView
from course.widgets.hex_view import named_parts


@pytest.fixture(scope="module")
def model():
    return (REFERENCES / "gesture.tflite").read_bytes()


def test_the_place_of_the_root_table_and_the_identifier_are_named(model):
    view = HexView(model)
    assert view.part_at(2).name == "place of the root table"
    assert str(struct.unpack_from("<I", model)[0]) in view.part_at(2).meaning
    assert (view.part_at(4).start, view.part_at(7).end) == (4, 8)
    assert view.part_at(4).kind == "identifier"


def test_the_version_and_the_description_are_found_through_the_root_table(model):
    parts = {each.name: each for each in named_parts(model)}
    assert parts["version of the format"].meaning == "It is 3."
    described = parts["description"]
    assert model[described.start : described.end] == b"MLIR Converted."


def test_weights_are_where_their_numbers_lie(model):
    from course.tflite.inspect import inspect

    report = inspect(model)
    bias = next(each for each in report.operators if each.name == "CONV_2D").inputs[2]
    buffer = next(each for each in report.buffers if (0, bias) in each.tensors)
    part = HexView(model).part_at(buffer.start)
    assert (part.start, part.end) == (buffer.start, buffer.start + buffer.bytes)
    assert part.name.startswith("float32 constants of CONV_2D")


def test_weights_are_most_of_a_float_model(model):
    weights = sum(each.end - each.start for each in named_parts(model) if each.kind == "weights")
    assert 0.7 < weights / len(model) < 0.9


def test_a_keras_file_is_called_what_it_is():
    view = HexView((REFERENCES / "gesture.keras").read_bytes())
    assert [each.meaning for each in view.parts] == ["This is a zip archive, as a .keras file is."]


def test_a_place_beyond_the_end_is_told(model):
    meanings = [each.meaning for each in named_parts(model[:600])]
    assert any("the file ends before that" in each for each in meanings)


@pytest.mark.parametrize(
    "data", [b"a", b"\x00" * 7, b"\xff\xff\xff\xffTFL3", b"\x08\0\0\0TFL3\xff"]
)
def test_bytes_of_any_kind_are_shown(data):
    bundle, _ = HexView(data)._repr_mimebundle_()
    assert "<img " in bundle["text/html"]
    assert f"A file of {len(data):,} bytes" in bundle["text/plain"]


@given(st.integers(0, 2**32 - 1), st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_no_header_harms_it_and_named_parts_stay_inside_and_apart(place, rest):
    data = struct.pack("<I", place) + b"TFL3" + rest
    parts = HexView(data).parts
    assert all(0 <= each.start < each.end <= len(data) for each in parts)
    assert all(one.end <= other.start for one, other in itertools.pairwise(parts))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_model_with_changed_bytes_harms_nothing(seed):
    rng = np.random.default_rng(seed)
    data = np.frombuffer((REFERENCES / "gesture.tflite").read_bytes(), np.uint8).copy()
    data[rng.integers(8, len(data), 6)] = rng.integers(0, 256, 6)
    view = HexView(data.tobytes(), at=int(rng.integers(0, len(data))))
    assert "bytes" in view._fallback_text()


def test_a_byte_beyond_the_ends_is_moved_inside():
    assert HexView(b"abc", at=99).at == 2
    view = HexView(b"abc")
    view.at = 10**6
    assert "<img " in view._fallback_html()


@pytest.mark.parametrize(("data", "words"), [(b"", "no byte"), (bytes(5 << 20), "Give it a slice")])
def test_nothing_and_too_much_are_refused_in_a_sentence(data, words):
    with pytest.raises(ValueError, match=words):
        HexView(data)
