"""Hostile files: inspect and read answer or say a sentence, soon, whatever stands in them."""

import struct
import time

import flatbuffers
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from course.tflite import ModelError, metadata
from course.tflite.inspect import inspect
from tests.course.tflite.test_hostile import of_bytes, of_parts

# The slowest seen took 0.1 s; a machine may be busy.
SECONDS = 10


def said_of(look_at, data):
    """The sentence with which a file is refused, None where it is not."""
    try:
        look_at(data)
    except ModelError as error:
        return str(error)
    return None


def show(data):
    report = inspect(data)
    assert sum(report.parts.values()) == len(data)
    page = report._repr_mimebundle_()
    assert page["text/html"]
    assert page["text/plain"]


def look(data):
    """Inspect, show and read a file; whether it was accepted."""
    started = time.monotonic()
    sentences = said_of(show, data), said_of(metadata.read, data)
    assert time.monotonic() - started < SECONDS
    for sentence in filter(None, sentences):
        assert sentence.endswith(".")
        assert len(sentence) < 500
    return sentences[0] is None


def mutants(names):
    """Files with some of their bytes or parts changed."""
    return some.tuples(
        some.sampled_from(names), some.sampled_from([of_bytes, of_parts]), some.randoms()
    )


def attack(zoo, mutant):
    name, change, chance = mutant
    real = zoo.files[name] if name != "described" else described(zoo)
    try:
        data = change(real, chance)
    except (TypeError, ValueError, IndexError, AttributeError):  # it cannot be packed
        return
    look(data)


def described(zoo):
    return metadata.write(
        zoo.files["board"], name="Quarters", labels=["a", "b", "c", "d"], input_mean=0, input_std=1
    )


quickly = settings(
    max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


@quickly
@given(mutant=mutants(["board", "float", "described"]))
def test_two_hundred_mutants_end_in_an_answer_or_a_sentence(zoo, mutant):
    attack(zoo, mutant)


@pytest.mark.slow
@settings(quickly, max_examples=2000)
@given(mutant=mutants(["board", "float", "dynamic batch", "described", "int16x8"]))
def test_two_thousand_mutants_end_in_an_answer_or_a_sentence(zoo, mutant):
    attack(zoo, mutant)


@quickly
@given(tail=some.binary(max_size=400))
def test_any_bytes_behind_the_identifier_end_in_an_answer_or_a_sentence(tail):
    look(b"\x10\0\0\0TFL3" + tail)


def packed(change):
    """A small whole model after a change to its tables."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT()
    model.version, model.buffers = 3, [schema.BufferT()]
    code = schema.OperatorCodeT()
    code.builtinCode = schema.BuiltinOperator.ADD
    model.operatorCodes = [code]
    graph = schema.SubGraphT()
    tensor = schema.TensorT()
    tensor.shape, tensor.name = [1], "t"
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0, 0], [0]
    graph.tensors, graph.operators = [tensor], [operator]
    graph.inputs, graph.outputs = [0], [0]
    model.subgraphs = [graph]
    change(model, graph, tensor, operator)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def huge(model, graph, tensor, operator):
    tensor.shape = [1 << 30] * 8


def endless_axes(model, graph, tensor, operator):
    tensor.shape = [2] * 100_000


def negative(model, graph, tensor, operator):
    tensor.shape = [-1]


def elsewhere(model, graph, tensor, operator):
    operator.inputs = [99]


def unlisted(model, graph, tensor, operator):
    operator.opcodeIndex = 7


def homeless(model, graph, tensor, operator):
    tensor.buffer = 5


def no_graph(model, graph, tensor, operator):
    model.subgraphs = []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (huge, "larger than any memory"),
        (endless_axes, "more axes"),
        (negative, "negative length"),
        (elsewhere, "tensors that it does not hold"),
        (unlisted, "of a kind that the file does not list"),
        (homeless, "a buffer that the file does not hold"),
        (no_graph, "no graph"),
    ],
)
def test_each_contradiction_has_its_own_sentence(change, words):
    with pytest.raises(ModelError, match=words):
        inspect(packed(change))


def test_the_small_model_without_a_contradiction_is_accepted():
    assert look(packed(lambda *parts: None))


def test_a_graph_that_calls_itself_is_not_followed_without_end():
    from ai_edge_litert import schema_py_generated as schema

    def circle(model, graph, tensor, operator):
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.WHILE
        operator.builtinOptionsType = schema.BuiltinOptions.WhileOptions
        operator.builtinOptions = schema.WhileOptionsT()

    report = inspect(packed(circle))
    assert report.arena is None
    assert "no board" in repr(report)


def test_a_file_with_more_tables_than_any_model_is_given_up_soon():
    """A list of a million references, all to the same table of tensors."""
    data = bytearray(packed(lambda *parts: None))
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.Model.GetRootAsModel(data, 0).Subgraphs(0)
    place = graph._tab.Offset(4) + graph._tab.Pos
    count = 1_000_000
    start = len(data)
    struct.pack_into("<I", data, place, start - place)
    data += struct.pack("<I", count)
    # References point forward, so the table that they all name comes last.
    target = start + 4 + 4 * count
    data += b"".join(struct.pack("<I", target - at) for at in range(start + 4, target, 4))
    data += struct.pack("<iHH", -4, 4, 4)
    started = time.monotonic()
    with pytest.raises(ModelError, match="more parts than any model has"):
        inspect(bytes(data))
    assert time.monotonic() - started < SECONDS


def test_a_plan_for_more_tensors_than_a_board_could_hold_is_given_up_soon():
    from ai_edge_litert import schema_py_generated as schema

    def crowd(model, graph, tensor, operator):
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.MEAN
        graph.operators = [operator] * 15_000

    started = time.monotonic()
    assert inspect(packed(crowd)).arena is None
    assert time.monotonic() - started < SECONDS


def test_a_zip_bomb_behind_the_model_is_not_unpacked(zoo):
    import io
    import zipfile

    stream = io.BytesIO(zoo.files["board"])
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", bytes(100 << 20))
    started = time.monotonic()
    found = metadata.read(stream.getvalue())
    assert found.files == {}
    assert inspect(stream.getvalue()).parts["attached files"] > 100
    assert time.monotonic() - started < SECONDS
