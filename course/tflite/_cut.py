"""One operator of a model as a model of its own; used in a process with limits only."""

from __future__ import annotations

from typing import Any


class CannotCut(ValueError):
    """The operator makes no sense alone; the text says why."""


def opened(data: bytes) -> Any:
    """A model's tables as Python objects, its constants not copied."""
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))


def single(model: Any, index: int) -> bytes:
    """The operator with this index as a ``.tflite`` file.

    Parameters
    ----------
    model : what `opened` returned; it is left as it is.
    index : the operator's place in subgraph 0.

    Raises
    ------
    CannotCut
        If it calls other graphs, or keeps state between runs.
    """
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    operator = graph.operators[index]
    code = model.operatorCodes[operator.opcodeIndex]
    kind = max(code.builtinCode, code.deprecatedBuiltinCode)
    if kind in (
        schema.BuiltinOperator.IF,
        schema.BuiltinOperator.WHILE,
        schema.BuiltinOperator.CALL_ONCE,
    ):
        raise CannotCut("it runs other graphs")
    inputs = _list(operator.inputs)
    if kind == schema.BuiltinOperator.RESHAPE and len(inputs) > 1:
        stored = model.buffers[graph.tensors[int(inputs[1])].buffer].data
        if stored is None or not len(stored):
            raise CannotCut("its new shape is computed by the operators before it")
    used = dict.fromkeys(int(at) for at in (*_list(operator.inputs), *_list(operator.outputs)))
    used.pop(-1, None)
    places = {at: place for place, at in enumerate(used)}
    if any(graph.tensors[at].isVariable for at in used):
        raise CannotCut("it keeps numbers from one run to the next")

    buffers, tensors, given = [schema.BufferT()], [], []
    made = {int(at) for at in operator.outputs}
    for at, place in places.items():
        tensor = schema.TensorT()
        vars(tensor).update(vars(graph.tensors[at]))
        stored = model.buffers[tensor.buffer].data
        if stored is not None and len(stored):
            tensor.buffer = len(buffers)
            buffers.append(_aligned()(data=stored))
        else:
            tensor.buffer = 0
            if at not in made:
                given.append(place)
        tensors.append(tensor)

    step = schema.OperatorT()
    vars(step).update(vars(operator))
    step.opcodeIndex = 0
    step.inputs = [places.get(int(at), -1) for at in _list(operator.inputs)]
    step.outputs = [places[int(at)] for at in operator.outputs]
    own = schema.SubGraphT()
    own.tensors, own.operators = tensors, [step]
    own.inputs, own.outputs = given, step.outputs
    alone = schema.ModelT()
    alone.version, alone.operatorCodes, alone.subgraphs = 3, [code], [own]
    alone.buffers = buffers
    return packed(alone)


def packed(model: Any) -> bytes:
    """Tables as the bytes of a ``.tflite`` file."""
    import flatbuffers

    builder = flatbuffers.Builder(1 << 12)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _list(values: Any) -> Any:
    return () if values is None else values


def _aligned() -> type:
    """A buffer whose constants begin at a multiple of 16 bytes, as kernels expect."""
    from ai_edge_litert import schema_py_generated as schema

    class Aligned(schema.BufferT):
        def Pack(self, builder: Any) -> int:
            content = bytes(self.data)
            builder.StartVector(1, len(content), 16)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            data = builder.EndVector()
            schema.BufferStart(builder)
            schema.BufferAddData(builder, data)
            return schema.BufferEnd(builder)

    return Aligned
