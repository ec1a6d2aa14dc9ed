"""Hostile files: whatever stands in them, this process lives and gets a sentence or an answer."""

import random
import time

import flatbuffers
import numpy as np
import pytest

from course.tflite import ModelError, Runner
from course.tflite.run import micro_here, structure

ENGINES = ["litert", "reference", *(["micro"] if micro_here() else [])]
# Seconds that a worker may take for a file, and the longest seen on a busy machine on top of it.
SECONDS, SLACK = 5, 15
NUMBERS = [b"\xff\xff\xff\x7f", b"\xff" * 4, b"\0\0\0\x40", b"\5\0\0\0", b"\1\0\0\0", bytes(4)]


def of_bytes(real, chance):
    """Bits turned, numbers replaced, blocks moved, ends cut off."""
    data = bytearray(real)
    at = 4 * chance.randrange(2, len(data) // 4 - 2)
    match chance.randrange(4):
        case 0:
            data = data[:at]
        case 1:
            data[at : at + 8] = data[-8:]
        case 2:
            for _ in range(10):
                data[chance.randrange(8, len(data))] ^= 1 << chance.randrange(8)
        case _:  # where offsets, sizes and kinds of operators stand
            data[at : at + 4] = chance.choice(NUMBERS)
    return bytes(data)


def of_parts(real, chance):
    """A file that is whole, and whose parts contradict each other."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(real, 0))
    graph = model.subgraphs[0]
    tensor, operator = chance.choice(graph.tensors), chance.choice(graph.operators)
    quantization = tensor.quantization
    match chance.randrange(12):
        case 0:
            shape = list(tensor.shape) or [1]
            shape[chance.randrange(len(shape))] = chance.choice([0, -1, 2, 7, 1000, 1 << 30])
            tensor.shape = shape
        case 1:
            inputs = list(operator.inputs)
            inputs[chance.randrange(len(inputs))] = chance.choice([-1, 99, 0, -5])
            operator.inputs = inputs
        case 2:
            operator.outputs = [chance.choice([-1, 99, 0])]
        case 3:
            operator.opcodeIndex = chance.choice([0, 50, len(model.operatorCodes) - 1])
        case 4:
            code = chance.choice(model.operatorCodes)
            code.builtinCode = chance.choice([0, 5, 9, 22, 32, 90, 119, 130, 200])
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        case 5:
            operator.builtinOptions, operator.builtinOptionsType = None, 0
        case 6 if quantization is not None and quantization.scale is not None:
            bad = chance.choice([0.0, -1.0, float("nan"), 1e30, 1e-30])
            quantization.scale = [bad] * len(quantization.scale)
        case 7 if quantization is not None and quantization.zeroPoint is not None:
            quantization.zeroPoint = [chance.choice([300, 1 << 40])] * len(quantization.zeroPoint)
        case 8:
            tensor.type = chance.choice([0, 1, 2, 3, 5, 7, 9, 15, 17])
        case 9:
            tensor.buffer = chance.choice([0, 1, 2, 5, 99])
        case 10:
            full = [each for each in model.buffers if each.data is not None and len(each.data)]
            chosen = chance.choice(full)
            chosen.data = chance.choice([None, chosen.data[: len(chosen.data) // 2]])
        case _:
            graph.inputs = [chance.choice([-1, 50, 1, 2])]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def attack(real, seed, count):
    """Open and run so many mutants on every engine; how many ended in which way."""
    chance, ends = random.Random(seed), {"answer": 0, "sentence": 0, "half a sentence": 0}
    for number in range(count):
        try:
            data = chance.choice([of_bytes, of_parts])(real, chance)
        except (TypeError, ValueError, IndexError):  # a part that cannot be packed
            continue
        for engine in ENGINES:
            started = time.monotonic()
            try:
                structure(data, seconds=SECONDS)
                with Runner(data, engine=engine, isolated=True, seconds=SECONDS) as runner:
                    runner.predict(
                        *[np.ones((2, *info.shape[1:]), np.float32) for info in runner.inputs]
                    )
                ends["answer"] += 1
            except ModelError as error:
                ends["sentence" if str(error).endswith(".") else "half a sentence"] += 1
            assert time.monotonic() - started < 3 * SECONDS + SLACK, (seed, number, engine)
    return ends


@pytest.mark.parametrize("name", ["board", "float"])
def test_a_hundred_mutants_end_in_an_answer_or_a_sentence(zoo, name):
    ends = attack(zoo.files[name], seed=1, count=100)
    assert ends.pop("half a sentence") == 0
    assert min(ends.values()) > 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_two_thousand_mutants_end_in_an_answer_or_a_sentence(zoo, seed):
    ends = attack(zoo.files["int8"], seed=100 + seed, count=500)
    assert ends.pop("half a sentence") == 0
    assert min(ends.values()) > 100


def test_a_file_with_more_parts_than_a_model_has_is_given_up():
    from ai_edge_litert import schema_py_generated as schema

    model, graph, tensor = schema.ModelT(), schema.SubGraphT(), schema.TensorT()
    tensor.shape, tensor.name = np.ones(9_000, np.int32), "t"
    graph.tensors, graph.operators = [tensor] * 50, []
    graph.inputs, graph.outputs = [0], [0]
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT()], []
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    with pytest.raises(ModelError, match="more parts than any model has"):
        structure(bytes(builder.Output()))
