"""What Module 05 grades: a file that a device can run, and the tests that prove it is the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from autograder import Calls, Check, Finding, Inputs, Model, ModelAndCalls, Quiz, expect, require
from autograder.evidence import ModelFile
from course.artefacts import REFERENCES
from course.data import gestures

LABELS = gestures.LABELS

# The same float model on another engine is off by 1.2e-6 at most (ten draws of 384 windows, four
# engines); with weights in float16 the worst window of a draw is off by 8e-4 to 2e-3, with
# dynamic range by 2.5e-2 and more.
TOLERANCE = 1e-4
# A model that passed Module 02 reaches 85 %, one before its training 25 %.
ACCURACY_NEEDED = 0.6
# Of the largest that a determinant with rows of these lengths can be (Hadamard).  By hand in
# float32 it is off by 3e-7 of that, by elimination by 1e-5.
DETERMINANT_TOLERANCE = 1e-4


class RootTable(Check):
    """The first eight bytes of a file."""

    points = 2
    evidence = Calls()
    hints = (
        'Bytes 4 to 7 are `data[4:8]`; compare them with b"TFL3".',
        'int.from_bytes(data[:4], "little") is the place; four bytes must follow from there.',
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        files = []
        for _ in range(3):
            start, rest = int(rng.integers(8, 900)), int(rng.integers(4, 60))
            files.append(_header(start) + rng.bytes(start + rest - 8))
        # Begins late, so that the highest of the four bytes counts too.
        files.append(_header(256 + int(rng.integers(0, 40))) + rng.bytes(400))
        # The last place at which a table still fits, and the first at which it does not.
        files += [_header(60) + rng.bytes(56), _header(61) + rng.bytes(56)]
        # Cut before the root table; a wrong identifier, or the right one in the wrong place.
        files += [_header(int(rng.integers(500, 9000))) + rng.bytes(100)]
        files += [(24).to_bytes(4, "little") + name + rng.bytes(60) for name in (b"TFL2", b"ARM1")]
        files += [_header(24)[:4] + b"BIN1TFL3" + rng.bytes(60)]
        files += [b"TFL3" + (24).to_bytes(4, "little") + rng.bytes(60)]
        files += [
            b"PK\x03\x04" + rng.bytes(30) + b"TFL3" + rng.bytes(50),
            b"\x89PNG" + rng.bytes(90),
        ]
        files += [b"", b"\x08\x00", b"\x08\x00\x00\x00TFL3"]
        return Inputs(
            [(np.frombuffer(files[at], np.uint8).copy(),) for at in rng.permutation(len(files))]
        )

    def judge(self, inputs: Inputs, outputs: list[Any]) -> Iterator[Finding]:
        files = [data.tobytes() for (data,) in inputs.calls]
        for output in outputs:
            if output is not None and type(output) is not int:
                raise expect.Unexpected(
                    expect.describe(output),
                    "a whole number, or None for what is no .tflite file",
                    "Return the place itself, or None.",
                )
        yield require.equal(
            outputs,
            [root_table(data) for data in files],
            calls=[(f"{len(data)} bytes, {data[:8].hex(' ') or 'none'}",) for data in files],
            title="Files of many kinds",
            next="Do 1c 00 00 00 54 46 4c 33 by hand: 28, if the file has 32 bytes or more.",
            mistakes={
                "you read the place with its highest byte first": [
                    root_table(data[3::-1] + data[4:]) for data in files
                ],
                "you look for the identifier at byte 0": [
                    int.from_bytes(data[4:8], "little") if data[:4] == b"TFL3" else None
                    for data in files
                ],
                "TFL3 anywhere in a file will do for you": [
                    root_table(data[:4] + b"TFL3" + data[8:]) if b"TFL3" in data else None
                    for data in files
                ],
                "you believe a place that lies beyond the end of the file": [
                    int.from_bytes(data[:4], "little") if data[4:8] == b"TFL3" else None
                    for data in files
                ],
            },
        )


class GestureTflite(Check):
    """A file that answers as your model does."""

    points = 5
    evidence = ModelAndCalls(max_bytes=2 << 20, returns=expect.Array((None, None)))
    hints = (
        "Give Keras an input with a batch of 1, and call your model on it: that is a new model "
        "with the old weights.",
        "window = keras.Input(batch_shape=(1, 128, 3)); "
        "fixed = keras.Model(window, model(window)); convert `fixed`, and write the bytes.",
    )
    seconds = 60

    def inputs(self, rng: np.random.Generator) -> Inputs:
        data = strangers(int(rng.integers(1, 2**40)))
        # In order, the number of the window would tell the label.
        order = rng.permutation(len(data))
        return Inputs([((data.examples[order] / 1000).astype(np.float32),)], key=data.names[order])

    def judge(
        self, inputs: Inputs, outputs: tuple[ModelFile, list[np.ndarray]]
    ) -> Iterator[Finding]:
        model, (in_keras,) = outputs
        windows, names = inputs.calls[0][0], inputs.key
        if in_keras.shape != (len(windows), len(LABELS)):
            raise expect.Unexpected(
                f"scores of shape {'×'.join(map(str, in_keras.shape))} from your Keras model",
                f"{len(LABELS)} scores for each of {len(windows)} windows",
                "Load gesture.keras again, and convert that model.",
            )
        report = _inspected(model)
        # Some engines answer NaN to such a file, and some refuse it.
        if any(each.name == "VAR_HANDLE" for each in report.operators):
            raise expect.Unexpected(
                f"{report.weights_bytes:,} bytes of weights, and variables that nothing fills",
                "the weights in the file",
                "Convert the Keras model itself, with from_keras_model.",
            )
        built_in = require.operators(model)
        if not built_in.holds:
            yield built_in
            return
        # Made before the first finding, because it runs the file; what does not run earns nothing.
        batch = require.fixed_batch(
            model,
            next="Build a model whose input is keras.Input(batch_shape=(1, 128, 3)), convert that.",
        )
        shape = report.inputs[0].shape
        fits = shape[1:] == (128, 3)
        yield built_in
        yield batch
        yield require.holds(
            fits,
            title="Input",
            got=f"{report.inputs[0].dtype}, shape {shape}",
            needed="" if fits else "shape (1, 128, 3)",
            detail="" if fits else "It converts, and no application fits it.",
            next="Give keras.Input the shape of a window, after a batch of 1.",
            weight=0.5,
        )
        if not fits:
            return
        got = np.asarray(model.run(windows), np.float64)
        yield _parity(report, got, in_keras)
        predicted = np.array(LABELS)[np.nan_to_num(got).argmax(axis=1)]
        right = np.isfinite(got).all(axis=1) & (predicted == names)
        yield require.at_least(
            float(right.mean()),
            ACCURACY_NEEDED,
            title="Accuracy on 16 people you never saw",
            next="Convert the trained model: the one that Module 02 left in gesture.keras.",
            weight=1.5,
        )


class Agrees(Check):
    """Whether two sets of answers are the same."""

    points = 3
    evidence = Calls()
    hints = (
        "Three questions: the same shape, only finite numbers, no difference above the tolerance?",
        "got.shape == expected.shape and bool((np.abs(got - expected) <= tolerance).all()) "
        "refuses NaN as well: no comparison with NaN is true.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        calls: list[tuple] = []

        def case(change: Callable[[np.ndarray], Any], tolerance: float = 1e-4) -> None:
            scores = rng.dirichlet([0.6] * 4, int(rng.integers(40, 90))).astype(np.float32)
            calls.append((scores, np.asarray(change(scores.copy()), np.float32), tolerance))

        def one(value: float) -> Callable[[np.ndarray], np.ndarray]:
            def change(scores: np.ndarray) -> np.ndarray:
                at = tuple(rng.integers(0, scores.shape))
                scores[at] = scores[at] + value if np.isfinite(value) else value
                return scores

            return change

        case(lambda scores: scores)
        case(lambda scores: scores + rng.uniform(-5e-7, 5e-7, scores.shape))
        case(lambda scores: scores + rng.uniform(-8e-5, 8e-5, scores.shape))
        case(lambda scores: scores + rng.uniform(-0.03, 0.03, scores.shape), 0.05)
        # One number of a hundred decides, in either direction.
        case(one(+float(rng.uniform(3e-4, 3e-3))))
        case(one(-float(rng.uniform(3e-4, 3e-3))))
        case(one(-float(rng.uniform(0.3, 0.6))), 0.1)
        case(one(np.nan))
        case(one(np.inf))
        case(lambda scores: np.full_like(scores, np.nan))
        # NumPy would repeat the one row, or the one column.
        case(lambda scores: scores[:1])
        calls[-1] = (np.repeat(calls[-1][1], len(calls[-1][0]), 0), calls[-1][1], 1e-4)
        case(lambda scores: scores[:, :1], 2.0)
        case(lambda scores: scores[:-1])
        case(lambda scores: np.roll(scores, 1, axis=1))
        # Large numbers, in which a relative tolerance hides a lot.
        large = (rng.uniform(2000, 4000, (30, 4)) * rng.choice([-1, 1], (30, 4))).astype("float32")
        calls.append((large, large + np.float32(4e-3), 1e-3))
        calls.append((large, large.copy(), 1e-3))
        return Inputs([calls[at] for at in rng.permutation(len(calls))])

    def judge(self, inputs: Inputs, outputs: list[Any]) -> Iterator[Finding]:
        answers = [_yes_or_no(output) for output in outputs]
        calls = inputs.calls

        def said(rule: Callable[[np.ndarray, np.ndarray, float], Any]) -> list[bool]:
            found = []
            for call in calls:
                with np.errstate(all="ignore"):
                    try:
                        found.append(bool(rule(*call)))
                    except ValueError:  # shapes that NumPy cannot bring together
                        found.append(False)
            return found

        yield require.equal(
            answers,
            [agrees(*call) for call in calls],
            calls=calls,
            title="Pairs of answers",
            next="Try yours on one NaN among right numbers, and on a single row.",
            mistakes={
                "NaN passes: no comparison with NaN is true, not even NaN > tolerance": said(
                    lambda a, b, most: a.shape == b.shape and not (abs(b - a) > most).any()
                ),
                "NaN passes, and so does a single row, which NumPy repeats": said(
                    lambda a, b, most: not (abs(b - a) > most).any()
                ),
                "the mean decides, and hides the one answer that is far off": said(
                    lambda a, b, most: a.shape == b.shape and abs(b - a).mean() <= most
                ),
                "differences below zero are forgotten": said(
                    lambda a, b, most: a.shape == b.shape and (b - a <= most).all()
                ),
                "np.allclose adds a relative tolerance of its own, rtol, and lets NumPy repeat "
                "a single row": said(lambda a, b, most: np.allclose(a, b, atol=most)),
                "np.allclose adds a relative tolerance of its own, rtol": said(
                    lambda a, b, most: a.shape == b.shape and np.allclose(a, b, atol=most)
                ),
                "only the largest score counts for you": said(
                    lambda a, b, most: (a.argmax(axis=1) == b.argmax(axis=1)).all()
                ),
                "NumPy repeats a single row or column to fit; compare the shapes first": said(
                    lambda a, b, most: (abs(b - a) <= most).all()
                ),
            },
        )


class Proven(Check):
    """What a file that runs has proven."""

    points = 1
    hints = ("Two of the three suspects did all of this, too.",)
    evidence = Quiz(
        question="A file converts, opens, runs, and its four scores add up to 1. What do you know?",
        options={
            "a": "It is your model: a softmax of anything else would not add up to 1",
            "b": "It is your model, unless the converter printed a warning",
            "c": "It is some model; whether it is yours, only its answers beside Keras's tell",
            "d": "Nothing at all; one has to measure its accuracy on a device first",
        },
        answer="c",
        why={
            "a": "Softmax makes any four numbers add up to 1, also those of random weights.",
            "b": "None of the suspects came with a warning.",
            "c": "A hundred windows through both, and the largest difference: that is the proof.",
            "d": "A device is slow to reach. The same file runs here, beside the original.",
        },
    )


class Determinant(Check):
    """A determinant without TensorFlow's kernels."""

    points = 3
    evidence = Model(max_bytes=1 << 20)
    hints = (
        "Along the first row: a·(e·i − f·h) − b·(d·i − f·g) + c·(d·h − e·g).",
        "`matrices[:, 0, 1]` is entry b of every matrix, shape (N,); multiply such arrays.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        plain = rng.normal(0, 1, (24, 3, 3))
        small = rng.normal(0, 0.1, (8, 3, 3))
        flat = rng.normal(0, 1, (8, 3, 3))
        flat[:, 2] = flat[:, 0] - 2 * flat[:, 1]
        zero = rng.normal(0, 1, (8, 3, 3))
        zero[:, 0, 0] = 0
        matrices = np.concatenate([plain, small, flat, zero])
        zeroed = np.arange(len(matrices)) >= len(matrices) - len(zero)
        order = rng.permutation(len(matrices))
        return Inputs(key=(matrices[order].astype(np.float32), zeroed[order]))

    def judge(self, inputs: Inputs, outputs: ModelFile) -> Iterator[Finding]:
        matrices, zeroed = inputs.key
        # Not run yet: TensorFlow's operators can be read about, and not run.
        found = require.operators(
            outputs, next="Write the determinant with + - * and indices, and convert without Flex."
        )
        yield found
        if not found.holds:
            return
        yield require.fixed_batch(outputs, weight=0.5)
        shape = _inspected(outputs).inputs[0].shape
        if shape != (1, 3, 3):
            raise expect.Unexpected(
                f"an input of shape {shape}", "shape (1, 3, 3)", "Convert it with `as_file`."
            )
        got = np.asarray(outputs.run(matrices), np.float64)
        if got.size != len(matrices):
            raise expect.Unexpected(
                f"{got.size // len(matrices)} numbers for a matrix",
                "one number, its determinant",
                "Add the three terms up.",
            )
        got = got.reshape(-1)
        wanted = np.linalg.det(matrices.astype(np.float64))
        bound = np.linalg.norm(matrices.astype(np.float64), axis=2).prod(axis=1)
        right = np.abs(got - wanted) <= DETERMINANT_TOLERANCE * bound
        yield require.holds(
            bool(right.all()),
            title=f"Determinants of {len(matrices)} matrices",
            got=f"{right.sum()} right",
            needed="" if right.all() else "all of them",
            detail=_determinant_mistake(matrices, zeroed, got, right, bound),
            next="Do [[1, 2, 3], [4, 5, 6], [7, 8, 10]] by hand: -3.",
            weight=2,
        )


class Ready(Check):
    """The test that a file must pass before it goes to a device."""

    points = 4
    evidence = Calls()
    hints = (
        "Cheap questions first: `root_table`, `inspect(data).fixed_batch`; then run it and ask "
        "`agrees`. What cannot be opened raises a ModelError.",
        "try: report = inspect(data); got = Runner(data)(windows) … except ModelError: "
        "return False",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        made = list(_files(rng))
        order = rng.permutation(len(made))
        calls = [(np.frombuffer(made[at][1], np.uint8).copy(), *made[at][2:]) for at in order]
        return Inputs(calls, key=[made[at][0] for at in order])

    def judge(self, inputs: Inputs, outputs: list[Any]) -> Iterator[Finding]:
        answers: dict[str, list[bool]] = {kind: [] for kind in inputs.key}
        for kind, output in zip(inputs.key, outputs, strict=True):
            answers[kind].append(_yes_or_no(output))
        sound = answers.pop("")
        # Saying the same to every file is no test.
        empty = len({*sound, *(passed for each in answers.values() for passed in each)}) == 1
        yield require.holds(
            all(sound),
            title="Sound files",
            got=f"{sum(sound)} of {len(sound)} pass",
            needed="" if all(sound) else "all of them",
            detail="" if all(sound) else "Your test refuses sound files.",
            next="Print what each question says about gesture.tflite, and a tolerance of 1e-4.",
            weight=0.01 if empty and all(sound) else 1,
        )
        for title, kinds, advice in _SHELVES:
            missed = [kind for kind in kinds if any(answers[kind])]
            yield require.holds(
                not missed,
                title=title,
                got=f"{len(kinds) - len(missed)} of {len(kinds)} kinds stopped",
                needed="" if not missed else "all of them",
                detail=f"This passes: {'; '.join(missed)}." if missed else "",
                next=advice,
                weight=0.01 if empty and not missed else 1,
            )


class Kernels(Check):
    """The kernels that a board's program registers."""

    points = 2
    evidence = Calls()
    hints = (
        "Each kind once: a set. In order: sorted.",
        '"".join(word.capitalize() for word in name.split("_")) is nearly it. '
        'What does "2D".capitalize() give?',
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        own = [
            "RESHAPE",
            "CONV_2D",
            "CONV_2D",
            "MAX_POOL_2D",
            "CONV_2D",
            "FULLY_CONNECTED",
            "SOFTMAX",
        ]
        calls = [(own,), (["DEPTHWISE_CONV_2D", "CONV_2D"] * 3 + ["MEAN", "RELU6"],)]
        for _ in range(6):
            kinds = rng.choice(_KERNELS, int(rng.integers(3, 9)), replace=False)
            calls.append(([str(kind) for kind in rng.choice(kinds, 2 * len(kinds))],))
        return Inputs(calls)

    def judge(self, inputs: Inputs, outputs: list[Any]) -> Iterator[Finding]:
        for output in outputs:
            if type(output) is not list or not all(type(each) is str for each in output):
                raise expect.Unexpected(
                    expect.describe(output), "a list of texts", "End with return sorted(…)."
                )
        names = [call[0] for call in inputs.calls]
        wanted = [sorted({_call(name) for name in each}) for each in names]
        yield require.equal(
            outputs,
            wanted,
            calls=[(", ".join(each),) for each in names],
            title="Lists of operators",
            next='Write down what ["CONV_2D", "CONV_2D", "SOFTMAX"] must give: two calls.',
            mistakes={
                "a kernel is registered once for each operator, not once for each kind": [
                    sorted(_call(name) for name in each) for each in names
                ],
                "a kernel is registered once for each operator, and the order is not sorted": [
                    [_call(name) for name in each] for each in names
                ],
                "the resolver's name stands before each call; it is added later": [
                    sorted({f"resolver.{_call(name)}" for name in each}) for each in names
                ],
                "the d of 2D is small": [
                    sorted({_call(name).replace("2D", "2d") for name in each}) for each in names
                ],
                "the brackets are missing: these are names, not calls": [
                    sorted({_call(name)[:-2] for name in each}) for each in names
                ],
                "the order is another one; sort them": [
                    list(dict.fromkeys(_call(name) for name in each)) for each in names
                ],
            },
        )


# --- what is right ------------------------------------------------------------------------------


def root_table(data: bytes) -> int | None:
    """Where the root table begins, or None for what is no whole TFLite file."""
    start = int.from_bytes(data[:4], "little")
    return start if data[4:8] == b"TFL3" and start + 4 <= len(data) else None


def agrees(expected: np.ndarray, got: np.ndarray, tolerance: float) -> bool:
    """Whether all numbers are there, finite, and off by at most the tolerance."""
    expected, got = np.asarray(expected, np.float64), np.asarray(got, np.float64)
    return expected.shape == got.shape and bool((np.abs(got - expected) <= tolerance).all())


# Each has a method in tensorflow/lite/micro/micro_mutable_op_resolver.h that is spelt by the rule
# of the lesson.
_KERNELS = [
    "ADD",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "DEQUANTIZE",
    "EXPAND_DIMS",
    "FULLY_CONNECTED",
    "HARD_SWISH",
    "LEAKY_RELU",
    "LOGISTIC",
    "MAX_POOL_2D",
    "MEAN",
    "MUL",
    "PACK",
    "PAD",
    "QUANTIZE",
    "RELU",
    "RELU6",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "SHAPE",
    "SOFTMAX",
    "STRIDED_SLICE",
    "SUB",
    "TANH",
    "TRANSPOSE",
    "TRANSPOSE_CONV",
]


def _call(name: str) -> str:
    words = "".join(word.capitalize() for word in name.split("_"))
    return f"Add{words.replace('2d', '2D')}()"


# --- gesture.tflite -----------------------------------------------------------------------------


# A file of the right form with the wrong answers must not earn a third of the points.
_PARITY_WEIGHT = 5


@cache
def strangers(seed: int) -> gestures.Dataset:
    """People whom nobody has met."""
    return gestures.generate(people=16, takes_per_label=6, seed=seed)


def _inspected(model: ModelFile) -> Any:
    from autograder.evidence import EvidenceError
    from course.tflite import ModelError
    from course.tflite.inspect import inspect

    try:
        return inspect(model.bytes)
    except ModelError as error:
        raise EvidenceError(str(error)) from error


def _parity(report: Any, got: np.ndarray, in_keras: np.ndarray) -> Finding:
    title = f"Scores beside those of your Keras model, {len(in_keras)} windows"
    if got.shape != in_keras.shape:
        return require.holds(
            False, title=title, got=f"shape {got.shape}", needed=f"shape {in_keras.shape}",
            next="Convert the whole model, to its last layer.", weight=_PARITY_WEIGHT,
        )  # fmt: skip
    off = np.abs(got - in_keras).max()
    right = agrees(in_keras, got, TOLERANCE)
    detail = "" if right else _why_different(report, got, in_keras)
    return require.holds(
        right,
        title=title,
        got=f"up to {off:.1g} apart" if np.isfinite(off) else "no numbers (NaN)",
        needed="" if right else f"at most {TOLERANCE:g}",
        detail=detail,
        next="Convert the model itself, with from_keras_model and no option, after its training.",
        weight=_PARITY_WEIGHT,
    )


def _why_different(report: Any, got: np.ndarray, in_keras: np.ndarray) -> str:
    stored = {
        each.dtype for each in report.tensors if each.constant and each.dtype in ("float16", "int8")
    }
    if not np.isfinite(got).all():
        return "It answers NaN, and no error was raised."
    if stored:
        return (
            f"Its weights are {' and '.join(sorted(stored))}: that is Module 06. Here every "
            "weight stays as it is."
        )
    alike = float((got.argmax(axis=1) == in_keras.argmax(axis=1)).mean())
    if alike < 0.6:
        return (
            f"Only {require.percent(alike)} of the answers are the same: the file holds other "
            "weights, perhaps those from before the training."
        )
    return f"{require.percent(alike)} of the answers are the same, with other scores."


# --- a determinant ------------------------------------------------------------------------------


def _determinant_mistake(
    matrices: np.ndarray, zeroed: np.ndarray, got: np.ndarray, right: np.ndarray, bound: np.ndarray
) -> str:
    if right.all():
        return ""
    if right[~zeroed].all() and not right[zeroed].any():
        return "It is wrong wherever the first entry is 0: you divide by it."
    if not np.isfinite(got).all():
        return "Some answers are NaN or infinite."
    if np.abs(got - got[0]).max() == 0:
        return "It answers the same for every matrix."
    a, b, c, d, e, f, g, h, i = np.moveaxis(matrices.astype(np.float64).reshape(-1, 9), 1, 0)
    mistakes = {
        "The middle term has the wrong sign: − b.": a * (e * i - f * h)
        + b * (d * i - f * g)
        + c * (d * h - e * g),
        "That is the product of the diagonal.": a * e * i,
        "The terms that go down to the left are not subtracted.": a * e * i + b * f * g + c * d * h,
        "The sign of all is turned round.": -np.linalg.det(matrices.astype(np.float64)),
    }
    for sentence, outcome in mistakes.items():
        if (np.abs(got - outcome) <= DETERMINANT_TOLERANCE * bound).all():
            return sentence
    return ""


# --- files that must not ship, and some that may ----------------------------------------------


_RENAMED = "a .keras file that was renamed"
_CUT = "a file that was cut short"
_HOLLOW = "a file without its weights, which answers NaN"
_FRESH = "a file with the weights from before the training"
_FREE = "a file with a free batch"
_FLEX = "a file with one of TensorFlow's operators"
_ASKEW = "a file whose scores are in another order"
_ROUNDED = "a file whose weights were rounded, as float16 is"
_SHELVES = (
    (
        "Files that no engine runs",
        (_RENAMED, _CUT, _FLEX),
        "Return False where a ModelError is raised.",
    ),
    (
        "Files for batches of any size",
        (_FREE,),
        "Ask inspect(data).fixed_batch.",
    ),
    (
        "Files that run, and answer otherwise",
        (_HOLLOW, _FRESH, _ASKEW, _ROUNDED),
        "Compare all scores of all windows with agrees, and a tolerance of 1e-4.",
    ),
)


def _header(start: int) -> bytes:
    return start.to_bytes(4, "little") + b"TFL3"


def _yes_or_no(output: Any) -> bool:
    if type(output) is not bool:
        raise expect.Unexpected(
            expect.describe(output),
            "True or False",
            "Is there a `return` on every way through your function?"
            if output is None
            else "Turn a NumPy result into a plain one with bool(…).",
        )
    return output


def _files(rng: np.random.Generator) -> Iterator[tuple[str, bytes, np.ndarray, np.ndarray]]:
    """Kind of fault ("" for a sound file), bytes, windows, and what Keras says to the windows.

    All are made from the reference model, with weights that nobody has seen before.
    """
    from ai_edge_litert import schema_py_generated as schema

    base = (REFERENCES / "gesture.tflite").read_bytes()
    people = gestures.generate(people=3, takes_per_label=4, seed=int(rng.integers(1, 2**40)))

    def windows() -> np.ndarray:
        return (people.examples[rng.permutation(len(people))] / 1000).astype(np.float32)

    def own() -> bytes:
        return _changed(base, lambda w: w * rng.normal(1, 0.04, w.shape))

    def case(kind: str, change: Callable[[bytes], bytes]) -> tuple:
        data, seen = own(), windows()
        keras = _answers(data, seen) + rng.uniform(-3e-7, 3e-7, (len(seen), len(LABELS)))
        return kind, change(data), seen, keras.astype(np.float32)

    for _ in range(3):
        yield case("", lambda data: data)
    yield case(_RENAMED, lambda data: b"PK\x03\x04" + data[8:9000])
    yield case(_CUT, lambda data: data[: int(rng.integers(9000, 21000))])

    def hollow(weights: np.ndarray) -> np.ndarray:
        return np.where(rng.random(weights.shape) < 0.5, np.nan, weights)

    yield case(_HOLLOW, lambda data: _changed(data, hollow))
    yield case(_FRESH, lambda data: _changed(data, rng.permutation))

    def free(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.tensors[graph.inputs[0]].shapeSignature = [-1, 128, 3]

    yield case(_FREE, lambda data: _rebuilt(data, free))

    def flex(model: Any) -> None:
        custom = schema.BuiltinOperator.CUSTOM
        for code in model.operatorCodes:
            if schema.BuiltinOperator.SOFTMAX in (code.builtinCode, code.deprecatedBuiltinCode):
                code.builtinCode = code.deprecatedBuiltinCode = custom
                code.customCode = b"FlexSoftmax"

    yield case(_FLEX, lambda data: _rebuilt(data, flex))
    # Scores in another order: the windows' largest ones would still look sure of themselves.
    kind, data, seen, keras = case(_ASKEW, lambda data: data)
    yield kind, data, seen, np.roll(keras, 1 + int(rng.integers(0, 3)), axis=1)
    yield _rounded(own(), windows())


def _rounded(data: bytes, windows: np.ndarray) -> tuple[str, bytes, np.ndarray, np.ndarray]:
    """Weights with fewer bits: some windows, and never the first ones, answer otherwise."""
    expected = _answers(data, windows)
    # float16 keeps 10 bits of a fraction; fewer where that changes too little to be noticed.
    for bits in range(10, 1, -1):
        data = _changed(data, lambda w, bits=bits: _fewer_bits(w, bits))
        off = np.abs(_answers(data, windows) - expected).max(axis=1)
        if (off > 5 * TOLERANCE).sum() >= 2:
            break
    order = np.argsort(off, kind="stable")
    return _ROUNDED, data, windows[order], expected[order]


def _fewer_bits(weights: np.ndarray, bits: int) -> np.ndarray:
    fraction, exponent = np.frexp(weights)
    return np.ldexp(np.round(fraction * 2**bits) / 2**bits, exponent)


def _answers(data: bytes, windows: np.ndarray) -> np.ndarray:
    from course.tflite import Runner

    with Runner(data, isolated=False) as runner:
        return runner(windows)


def _changed(data: bytes, change: Callable[[np.ndarray], np.ndarray]) -> bytes:
    """The file with every float32 constant changed, where it stands."""
    from course.tflite.inspect import inspect

    changed = bytearray(data)
    report = inspect(data)
    floats = {each.buffer for each in report.tensors if each.constant and each.dtype == "float32"}
    for buffer in report.buffers:
        if buffer.index in floats:
            place = slice(buffer.start, buffer.start + buffer.bytes)
            weights = np.frombuffer(data, "<f4", buffer.bytes // 4, buffer.start)
            changed[place] = np.asarray(change(weights), "<f4").tobytes()
    return bytes(changed)


def _rebuilt(data: bytes, change: Callable[[Any], None]) -> bytes:
    """The file taken apart, changed and written anew."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytearray(data), 0))
    change(model)
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
