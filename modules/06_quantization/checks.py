"""What Module 06 grades: quantization by hand, and an int8 model that lost nothing on its way."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from autograder import Calls, Check, Finding, Inputs, ModelAndCalls, Quiz, expect, require
from autograder.evidence import EvidenceError, ModelFile, describe
from course.data import gestures

LABELS = gestures.LABELS
LOWEST, HIGHEST = -128, 127

# The lesson's model has 11,568 bytes; others of the same layers, trained from other seeds, 11,440
# to 11,568, and the float model 22,664.
MOST_BYTES = 12_000
# The lesson's model needs 4,432 bytes, as float 8,208 and as int16x8 7,824.
MOST_ARENA_BYTES = 8_000
# What Module 02 asks of the float model; the lesson's has 93 to 96 % (20 seeds).
FLOAT_ACCURACY = 0.85
# 1,200 windows, so that one point is 12 of them. Four float models, each calibrated on 200 and on
# 100 training windows, lose 0.5 points at most on such people (30 seeds; mean 0.0, standard
# deviation 0.17): the one point that may be lost is six of these away.
PEOPLE, TAKES = 30, 10


class ScaleAndZeroPoint(Check):
    """Scale and zero point of a range."""

    points = 3
    evidence = Calls(
        returns=expect.Several(scale=expect.Number(), zero_point=expect.Number(whole=True))
    )
    hints = (
        "First `low = min(low, 0)` and `high = max(high, 0)`. Between 256 numbers lie 255 gaps.",
        "Solve low = scale · (−128 − zero_point) for zero_point, and round it.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        draws = [
            lambda: (-rng.uniform(0.5, 3), rng.uniform(0.5, 3)),
            lambda: (-rng.uniform(0.01, 0.2), rng.uniform(4, 20)),
            lambda: (0.0, rng.uniform(2, 18)),
            lambda: (-rng.uniform(2, 9), 0.0),
            # Ranges that do not hold 0.
            lambda: (rng.uniform(0.5, 1), rng.uniform(2, 5)),
            lambda: (-rng.uniform(2, 5), -rng.uniform(0.5, 1)),
        ]
        calls = []
        for draw in draws * 2:
            low, high = draw()
            # Whoever rounds a half up and whoever rounds it to even shall both be right.
            while abs(_share_of_step(low, high) - 0.5) < 0.05:
                low, high = draw()
            calls.append((float(low), float(high)))
        return Inputs(calls)

    def judge(self, inputs: Inputs, outputs: list[list[Any]]) -> Iterator[Finding]:
        calls = inputs.calls
        widened = [(min(low, 0.0), max(high, 0.0)) for low, high in calls]
        scales = [scale for scale, _ in outputs]
        yield require.close(
            scales,
            [(high - low) / 255 for low, high in widened],
            calls=calls,
            tolerance=1e-6,
            title="Scales of twelve ranges",
            next="Take −1 to 1.55: 255 gaps of 0.01.",
            mistakes={
                "you count 256 gaps, and between 256 numbers lie 255": [
                    (high - low) / 256 for low, high in widened
                ],
                "a range without 0 stays as it is; widen it until it holds 0": [
                    (high - low) / 255 for low, high in calls
                ],
                "there are 127 gaps; use the negative numbers, too": [
                    (high - low) / 127 for low, high in widened
                ],
            },
        )
        zero_points = [zero_point for _, zero_point in outputs]
        exact = [LOWEST - low * 255 / (high - low) for low, high in widened]
        yield require.equal(
            zero_points,
            [round(point) for point in exact],
            calls=calls,
            title="Zero points of the same ranges",
            next="The lowest number must be stored as −128, the highest as 127.",
            mistakes={
                "you count from 0 to 255, as uint8 does; int8 begins at −128": [
                    round(point - LOWEST) for point in exact
                ],
                "the fraction is cut off; round to the nearest whole number": [
                    int(point) for point in exact
                ],
                "you always round down; round to the nearest whole number": [
                    int(np.floor(point)) for point in exact
                ],
                "the zero point is always 0, which fits weights only": [0 for _ in exact],
                "a range without 0 stays as it is; widen it until it holds 0": [
                    round(LOWEST - low * 255 / (high - low)) for low, high in calls
                ],
            },
            weight=2,
        )


@dataclass(frozen=True)
class _Int8(expect.Array):
    """An int8 array, and no other dtype."""

    @property
    def needed(self) -> str:
        return "an array of dtype int8"

    def normalise(self, value: Any) -> np.ndarray:
        if not isinstance(value, np.ndarray) or value.dtype != np.int8:
            raise expect.Unexpected(
                describe(value),
                self.needed,
                "Round, clip, and end with `.astype(np.int8)`: one byte a number.",
            )
        return super().normalise(value)


class Quantize(Check):
    """Real numbers to int8."""

    points = 3
    evidence = Calls(returns=_Int8((None,)))
    hints = (
        "From real = scale · (stored − zero_point) follows stored = real / scale + zero_point.",
        "`np.round`, then `np.clip(…, -128, 127)`, then `.astype(np.int8)`, in this order.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        calls = []
        for spread, low, high in [(1, -2, 2), (3, -2, 4), (0.4, -0.5, 0.4), (6, 0, 10), (9, -1, 1)]:
            scale = float(rng.uniform(0.9, 1.1) * (high - low) / 255)
            zero_point = int(np.clip(round(LOWEST - low / scale), LOWEST, HIGHEST))
            # The first one is short, so that a finding can show what it gives.
            values = rng.normal(0, spread, 60 if calls else 6)
            calls.append((values, scale, zero_point))
        # Halves of a step, exact in binary; and far beyond the range.
        steps = rng.integers(-60, 60, 40)
        calls.append(((steps + 0.5) * 0.25, 0.25, int(rng.integers(5, 20))))
        calls.append((rng.uniform(-900, 900, 60), float(rng.uniform(0.5, 2)), 5))
        return Inputs(calls)

    def judge(self, inputs: Inputs, outputs: list[np.ndarray]) -> Iterator[Finding]:
        calls = inputs.calls
        expected = [_stored(*call) for call in calls]
        yield require.equal(
            _settled(outputs, calls),
            expected,
            calls=calls,
            title="Numbers stored on seven different scales",
            next="Do 1.0 with scale 0.016 and zero point −1 on paper: 62.5 − 1, so 61 or 62.",
            mistakes={
                sentence: _settled([mistaken(*call) for call in calls], calls)
                for sentence, mistaken in _QUANTIZE_MISTAKES.items()
            },
        )


def _stored(values: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """The nearest step; of two that are as near, the lower one."""
    return np.clip(np.ceil(values / scale - 0.5) + zero_point, LOWEST, HIGHEST)


def _settled(outputs: list[np.ndarray], calls: list[tuple]) -> list[np.ndarray]:
    """The same outputs, with the lower step wherever a half may go either way.

    NumPy takes the even one of two steps, LiteRT the one further from zero, and both are right.
    """
    settled = []
    for got, (values, scale, zero_point) in zip(outputs, calls, strict=True):
        lower = _stored(values, scale, zero_point)
        upper = np.clip(np.floor(values / scale + 0.5) + zero_point, LOWEST, HIGHEST)
        if got.shape == upper.shape:
            # What is neither of the two is as wrong as anything else: 999.
            wrong = np.where(lower == upper, got, 999)
            got = np.where((got == lower) | (got == upper), lower, wrong)
        settled.append(got)
    return settled


_QUANTIZE_MISTAKES = {
    "values beyond the range wrap round to the other end; clip before you convert": (
        lambda values, scale, zero: (
            (np.round(values / scale) + zero).astype(np.int64).astype(np.int8)
        )
    ),
    "the fraction is cut off; round to the nearest step": (
        lambda values, scale, zero: np.clip(np.trunc(values / scale + zero), LOWEST, HIGHEST)
    ),
    "you always round down; round to the nearest step": (
        lambda values, scale, zero: np.clip(np.floor(values / scale + zero), LOWEST, HIGHEST)
    ),
    "the zero point is missing": lambda values, scale, zero: _stored(values, scale, 0),
    "the zero point is added before dividing; it is a stored number": (
        lambda values, scale, zero: _stored(values + zero, scale, 0)
    ),
    "the zero point is subtracted; it is added here": (
        lambda values, scale, zero: _stored(values, scale, -zero)
    ),
    "−128 is never used": (
        lambda values, scale, zero: np.maximum(_stored(values, scale, zero), -HIGHEST)
    ),
}


class Dequantize(Check):
    """int8 back to real numbers."""

    points = 2
    evidence = Calls(returns=expect.Array((None,)))
    hints = (
        "real = scale · (stored − zero_point). What happens to −128 − 100 in a single byte?",
        "`stored.astype(float)` first: then the difference has room.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        calls = []
        for zero_point in (-128, -110, -1, 0, 90, 127):
            # The first one is short, so that a finding can show what it gives.
            others = rng.integers(LOWEST, HIGHEST + 1, 40 if calls else 4)
            stored = np.r_[LOWEST, HIGHEST, others]
            calls.append((stored.astype(np.int8), float(rng.uniform(0.004, 0.09)), zero_point))
        return Inputs(calls)

    def judge(self, inputs: Inputs, outputs: list[np.ndarray]) -> Iterator[Finding]:
        wide = [(stored.astype(float), scale, zero) for stored, scale, zero in inputs.calls]
        yield require.close(
            outputs,
            [scale * (stored - zero) for stored, scale, zero in wide],
            calls=inputs.calls,
            # float16 has three digits, float32 seven: whoever keeps float32 is right.
            tolerance=1e-5,
            title="Real numbers from six arrays",
            next="Try stored = np.int8([-128]), scale 0.1, zero point 90 by hand: −21.8.",
            mistakes={
                "the difference overflows a byte: −128 − 90 does not fit into int8": [
                    scale * (stored - zero).astype(np.int64).astype(np.int8).astype(float)
                    for stored, scale, zero in wide
                ],
                "the zero point is missing": [scale * stored for stored, scale, _ in wide],
                "the zero point is added; it is subtracted here": [
                    scale * (stored + zero) for stored, scale, zero in wide
                ],
                "the zero point is subtracted after multiplying; it is a stored number": [
                    scale * stored - zero for stored, scale, zero in wide
                ],
            },
        )


class Saturated(Check):
    """Share of readings that a model cannot hold."""

    points = 3
    evidence = Calls(returns=expect.Number())
    hints = (
        "Which real numbers do −128 and 127 stand for? `dequantize` knows.",
        "`((values < lowest) | (values > highest)).mean()`.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        calls = []
        for scale, zero_point in [(0.0045, -110), (0.016, 0), (0.008, 60), (0.05, -128), (0.01, 7)]:
            scale *= float(rng.uniform(0.9, 1.1))
            low, high = (scale * (end - zero_point) for end in (LOWEST, HIGHEST))
            middle, half = (low + high) / 2, (high - low) / 2
            values = rng.uniform(middle - 2 * half, middle + 1.5 * half, 400)
            # Nothing near the ends: there, one may count either way.
            near = (abs(values - low) < 2 * scale) | (abs(values - high) < 2 * scale)
            kept = values[~near]
            calls.append((kept[: 4 * (len(kept) // 4)].reshape(-1, 4), scale, zero_point))
        return Inputs(calls)

    def judge(self, inputs: Inputs, outputs: list[float]) -> Iterator[Finding]:
        below, above, unsigned, centred = [], [], [], []
        for values, scale, zero in inputs.calls:
            below.append(float((values < scale * (LOWEST - zero)).mean()))
            above.append(float((values > scale * (HIGHEST - zero)).mean()))
            unsigned.append(
                float(((values < -scale * zero) | (values > scale * (255 - zero))).mean())
            )
            centred.append(float(((values < scale * LOWEST) | (values > scale * HIGHEST)).mean()))
        both = [a + b for a, b in zip(below, above, strict=True)]
        yield require.close(
            outputs,
            both,
            calls=inputs.calls,
            tolerance=1e-6,
            title="Share of readings that saturate, for five models",
            next="Print the lowest and the highest real number that the model can hold.",
            mistakes={
                "only readings above the range are counted; they fall out below, too": above,
                "only readings below the range are counted; they fall out above, too": below,
                "you count the readings that the model can hold": [1 - share for share in both],
                "these are percent; a share goes from 0 to 1": [100 * share for share in both],
                "you count from 0 to 255, as uint8 does; int8 begins at −128": unsigned,
                "the zero point is missing": centred,
                "no reading lies below and above at once; join the two with |": [0 for _ in both],
                "you return how many, not which share": [
                    share * call[0].size for share, call in zip(both, inputs.calls, strict=True)
                ],
            },
        )


class Int8Model(Check):
    """A full int8 model that a board can run."""

    points = 6
    evidence = ModelAndCalls(max_bytes=1 << 20, returns=expect.Array((None, None)))
    hints = (
        "The windows must reach as far as strangers' do: people at play, every label, in g.",
        '`convert(model, quantize="int8", representative_dataset=…, for_board=True)`, with about '
        "a hundred windows of `training.examples / 1000`.",
    )
    seconds = 60

    def inputs(self, rng: np.random.Generator) -> Inputs:
        data = strangers(int(rng.integers(1, 2**40)))
        # In order, the number of the window would tell the label.
        order = rng.permutation(len(data))
        return Inputs([(data.examples[order] / 1000,)], key=data.labels[order])

    def judge(
        self, inputs: Inputs, outputs: tuple[ModelFile, list[np.ndarray]]
    ) -> Iterator[Finding]:
        model, (float_scores,) = outputs
        windows, labels = np.asarray(inputs.calls[0][0], np.float32), inputs.key
        yield require.quantized_io(model, next='Convert with quantize="int8", and leave out io.')
        # A model of the right form that knows nothing earns a third.
        yield require.weights_ratio(model, weight=0.5)
        yield require.size(model, MOST_BYTES, weight=0.5)
        yield _arena(model)
        yield require.dense_scales(model, weight=0.5)
        yield require.fixed_batch(model, weight=0.25)
        yield _float(float_scores, labels)
        yield _drop(model, windows, labels, float_scores)
        # Every third window: the ranges of 400 are as wide.
        yield require.calibration(
            model, windows[::3], weight=2,
            next="Choose windows of people who use the wand, in g, and convert once more.",
        )  # fmt: skip


class WhichFormat(Check):
    """A format for a board."""

    points = 1
    hints = (
        "Two of the formats do not run on a board at all. What does the arena say of the rest?",
    )
    evidence = Quiz(
        question="A board runs TFLite Micro and has 20 kB of flash and 6 kB of memory left for "
        "the gesture model. Which format?",
        options={
            "a": "dynamic range: one byte a weight, and no calibration to go wrong",
            "b": "float16: the file fits, and nothing can saturate",
            "c": "int16x8: finer numbers between the layers, for one more kilobyte of file",
            "d": "int8, calibrated on people who use the wand",
        },
        answer="d",
        why={
            "a": "TFLite Micro does not run it: it would compute in float from int8 weights.",
            "b": "TFLite Micro has no float16. For a phone's graphics processor it is a good one.",
            "c": "Its numbers between the layers take two bytes: 7.8 kB of arena do not fit.",
            "d": "11.6 kB of flash and 4.4 kB of memory: the only one that fits both.",
        },
    )


class WhyNotAQuarter(Check):
    """What does not shrink."""

    points = 1
    hints = ("Compare the two bars in the picture part by part.",)
    evidence = Quiz(
        question="A weight shrank from four bytes to one, the file to half. Why not to a quarter?",
        options={
            "a": "Half of the weights stayed in float32",
            "b": "Names, shapes, operators and scales do not shrink with the weights",
            "c": "The file also holds the numbers between the layers",
            "d": "The converter keeps the float model beside the int8 one",
        },
        answer="b",
        why={
            "a": "In full int8 none did: the weights alone went to 26 %, biases included.",
            "b": "They take about as much as before, and scales are new. In a model of 4 MB they "
            "are lost in the rounding.",
            "c": "Those live in the tensor arena while the model runs, and in no file.",
            "d": "Then the file would have grown.",
        },
    )


@cache
def strangers(seed: int) -> gestures.Dataset:
    """People whom nobody has met."""
    return gestures.generate(people=PEOPLE, takes_per_label=TAKES, seed=seed)


def _arena(model: ModelFile) -> Finding:
    try:
        return require.arena(
            model,
            MOST_ARENA_BYTES,
            weight=0.5,
            next='Convert with quantize="int8", and leave out io.',
        )
    except EvidenceError as error:
        # Float16 and dynamic range are no boards' formats; the other findings still say why.
        return require.holds(
            False, title="Tensor arena", got="the model does not run on a board",
            needed=f"at most {require.kilobytes(MOST_ARENA_BYTES)}", detail=str(error),
            next='Convert with quantize="int8".', weight=0.5,
        )  # fmt: skip


def _float(scores: np.ndarray, labels: np.ndarray) -> Finding:
    """What the int8 model is compared with: a float model that knows gestures."""
    title = "Accuracy of the float model on the same people"
    if scores.shape != (len(labels), len(LABELS)):
        raise expect.Unexpected(
            f"scores of shape {'×'.join(map(str, scores.shape))} from float_scores",
            f"{len(LABELS)} scores for each of {len(labels)} windows",
            "Run the first two cells again: they define model and float_scores.",
        )
    # An int8 softmax answers in steps of 1/256.
    steps = 256 * scores
    if np.abs(steps - np.round(steps)).max() < 1e-4:
        return require.holds(
            False, title=title, got="scores in steps of 1/256", needed="those of the float model",
            detail="These are answers of a quantized model.", weight=0.25,
            next="Let float_scores ask the Keras model, as in the first cell.",
        )  # fmt: skip
    reached = float((scores.argmax(axis=1) == labels).mean())
    return require.at_least(
        reached, FLOAT_ACCURACY, title=title, weight=0.25,
        next="Train gesture.keras as Module 02 does, or delete yours to use the course's.",
    )  # fmt: skip


def _drop(
    model: ModelFile, windows: np.ndarray, labels: np.ndarray, float_scores: np.ndarray
) -> Finding:
    """Points of accuracy lost, and the usual reasons by name."""
    title = f"Accuracy lost on {PEOPLE} people you never saw"
    if not require.weights_ratio(model, 0.99).holds:
        # Else a float model under another name would earn the most for what it did not do.
        return require.holds(
            False, title=title, got="not measured", needed="a quantized model",
            detail="These weights still take four bytes each.", next="Quantize it first.", weight=4,
        )  # fmt: skip
    reference = float((float_scores.argmax(axis=1) == labels).mean())
    found = require.accuracy_drop(
        model, windows, labels, reference, names=LABELS, weight=4,
        title=title, next="Calibrate on about a hundred windows of people who use the wand.",
    )  # fmt: skip
    if found.holds:
        return found
    predicted = np.asarray(model.run(windows)).argmax(axis=1)
    for order in itertools.permutations(range(len(LABELS))):
        if (np.array(order)[predicted] == labels).mean() >= reference - 0.02:
            said = "In another order its outputs would be right: the labels are mixed up."
            return replace(found, detail=f"{found.detail} {said}", next="Hand in your own model.")
    return found


def _share_of_step(low: float, high: float) -> float:
    low, high = min(low, 0.0), max(high, 0.0)
    return (LOWEST - low * 255 / (high - low)) % 1
