"""What Module 02 grades: windows, labels, a split that cannot leak, and the model it leads to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from autograder import Calls, Check, Finding, Inputs, ModelAndCalls, Quiz, expect, require
from autograder.evidence import ModelFile
from course.data import gestures

LABELS = gestures.LABELS

# The lesson's model has 4,508.
MOST_PARAMETERS = 5_000
# The lesson's model reaches 91 to 96 % on 16 hidden people (20 seeds).
ACCURACY_NEEDED = 0.85
RECALL_NEEDED = 0.65
# The same weights give the same numbers but for the order of additions.
SAME_OUTPUTS = 1e-4


class Windows(Check):
    """Windows of a recording."""

    points = 3
    evidence = Calls(returns=expect.Array((None, None, 3)))
    hints = (
        "The last window may start at len(readings) - length, and `range` leaves out its end.",
        "One slice `readings[start : start + length]` for each start, then `np.array` of the list.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        calls = []
        # Lengths that end exactly on a window, and one that leaves a rest.
        for length, stride, last, rest in [
            (128, 8, 4, 0),
            (5, 2, 6, 1),
            (4, 4, 3, 2),
            (7, 3, 1, 0),
        ]:
            count = length + stride * last + rest
            readings = rng.normal(0, 900, (count, 3)).round().astype(np.float32)
            calls.append((readings, length, stride))
        length, stride = int(rng.integers(10, 30)), int(rng.integers(2, 9))
        calls.append((rng.normal(0, 900, (length + 5 * stride, 3)).round(), length, stride))
        return Inputs(calls)

    def judge(self, inputs: Inputs, outputs: list[np.ndarray]) -> Iterator[Finding]:
        expected = [cut(*call) for call in inputs.calls]
        end_to_end = [cut(readings, length, length) for readings, length, _ in inputs.calls]
        yield require.equal(
            outputs,
            expected,
            calls=inputs.calls,
            title="Windows of recordings of different lengths",
            next="Write the starts down by hand for 10 readings, length 4, stride 3.",
            mistakes={
                "the last whole window is missing": [
                    cut(r[:-1], *rest) for r, *rest in inputs.calls
                ],
                "each window starts where the last one ended": end_to_end,
                "only the first window is cut": [windows[:1] for windows in expected],
            },
        )


class BuildDataset(Check):
    """Windows, labels and people in the same order."""

    points = 3
    evidence = Calls(
        returns=expect.Several(
            x=expect.Array((None, None, None)),
            y=expect.Array((None,)),
            person=expect.Array((None,)),
        )
    )
    hints = (
        "For each recording: cut it, then add the windows to x, and the label's index and the "
        "person as often as there are windows.",
        "`gestures.LABELS.index(label)` is the index; `[index] * len(cut)` repeats it.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        order = rng.permutation(8)
        who = rng.permutation(90)[:8]
        recordings = [
            (
                rng.normal(0, 700, (int(128 + 8 * rng.integers(0, 6)), 3))
                .round()
                .astype("float32"),
                LABELS[label % 4],
                int(who[label]),
            )
            for label in order
        ]
        return Inputs([(recordings, 8), (recordings[:3], 16), (recordings[3:4], 1)])

    def judge(self, inputs: Inputs, outputs: list[list[np.ndarray]]) -> Iterator[Finding]:
        expected = [rows(*call) for call in inputs.calls]
        found = [x for x, _, _ in outputs]
        yield _about(
            _same(found, [x for x, _, _ in expected]),
            title="x, the windows",
            mistake="They are 1000 times too large: the recordings are in mg, x is in g."
            if _same(found, [1000 * x for x, _, _ in expected])
            else "",
            got=_shapes(found),
            needed=f"{_shapes([x for x, _, _ in expected])}, in g",
            next="Divide the readings by 1000 and cut each recording with your own `windows`.",
        )
        labels = [y for _, y, _ in expected]
        alphabet = [
            np.array([sorted(LABELS).index(LABELS[int(i)]) for i in each]) for each in labels
        ]
        found = [y for _, y, _ in outputs]
        one_each = all(
            len(each) == len(call[0]) for each, call in zip(found, inputs.calls, strict=True)
        )
        mistake = ""
        if _same(found, alphabet):
            mistake = "The indices follow alphabetical order, not the order of gestures.LABELS."
        elif one_each and not _same(found, labels):
            mistake = "That is one label a recording; every window needs one."
        yield _about(
            _same(found, labels),
            title="y, the label of each window",
            mistake=mistake,
            got=_shapes(found),
            needed=f"{_shapes(labels)}, indices into gestures.LABELS",
            next="Repeat the index of the recording's label for each of its windows.",
        )
        people = [person for _, _, person in expected]
        numbers = [
            np.unique(np.cumsum(np.r_[0, np.diff(person) != 0]), return_inverse=True)[1]
            for person in people
        ]
        found = [person for _, _, person in outputs]
        yield _about(
            _same(found, people),
            title="person, who made each window",
            mistake="These are numbers of recordings, not of people."
            if _same(found, numbers)
            else "",
            got=_shapes(found),
            needed=f"{_shapes(people)}, the number that the recording names",
            next="Repeat the person of the recording for each of its windows.",
        )


class NearTwins(Check):
    """Why remembering scored so well."""

    points = 1
    hints = ("Two windows that start 0.08 s apart: how many of their 128 readings do they share?",)
    evidence = Quiz(
        question="A model that only remembers is right nearly every time. What do you make of it?",
        options={
            "a": "It works, so ship it: the test decides, not the method",
            "b": "The test set is too small; with more windows the figure would fall",
            "c": "Nearly every tested window has a twin of the same gesture among those remembered",
            "d": "The lot was unlucky; another seed would give a fairer figure",
        },
        answer="c",
        why={
            "a": "The test decides only if it asks your question. This one asks about old takes.",
            "b": "More windows of the same gestures bring more twins, on both sides.",
            "c": "They share 126 of 128 readings. The test asked what the model had been told.",
            "d": "Any lot by window parts twins. Another seed would flatter it just as much.",
        },
    )


class SplitByPerson(Check):
    """A split without leakage."""

    points = 3
    evidence = Calls(returns=expect.Array((None,)))
    hints = (
        "Draw people, not windows: `np.unique(person)` lists each of them once.",
        "`np.random.default_rng(seed).permutation(people)[:count]` draws, "
        "`np.isin(person, drawn)` is the mask.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        calls = []
        for count, share in [(12, 0.25), (20, 0.2), (8, 0.5), (4, 0.1)]:
            people = rng.permutation(200)[:count]
            person = rng.permutation(np.repeat(people, rng.integers(4, 40, count)))
            calls += [(person, share, int(seed)) for seed in rng.permutation(1000)[:6]]
        # The same call twice: a split must be the same tomorrow.
        return Inputs([*calls, *calls[:6]])

    def judge(self, inputs: Inputs, outputs: list[np.ndarray]) -> Iterator[Finding]:
        masks = []
        for (person, _, _), mask in zip(inputs.calls, outputs, strict=True):
            if mask.shape != person.shape or not np.isin(mask, (0, 1)).all():
                raise expect.Unexpected(
                    f"a mask of shape {'×'.join(map(str, mask.shape))}",
                    f"True or False for each of the {len(person)} windows",
                    "End with `np.isin(person, …)`, which has the right shape.",
                )
            masks.append(mask.astype(bool))
        torn = [
            len(np.intersect1d(person[mask], person[~mask]))
            for (person, _, _), mask in zip(inputs.calls, masks, strict=True)
        ]
        yield require.holds(
            not any(torn),
            title="People with windows on both sides",
            got="none"
            if not any(torn)
            else f"{torn[0]} of {_people(inputs.calls[0])} on both sides",
            needed="none",
            next="Draw people, then take all windows of each.",
            weight=1.5,
        )
        tested = [
            len(np.unique(person[mask]))
            for (person, _, _), mask in zip(inputs.calls, masks, strict=True)
        ]
        wanted = [max(1, round(share * _people((person,)))) for person, share, _ in inputs.calls]
        off = next(
            (i for i, pair in enumerate(zip(tested, wanted, strict=True)) if pair[0] != pair[1]), 0
        )
        whole = _people(inputs.calls[off])
        detail = ""
        if tested == [_people(call) - n for call, n in zip(inputs.calls, wanted, strict=True)]:
            detail = "The mask is turned round: True must mark the people who test."
        elif tested[off] == 0:
            detail = f"With {whole} people and a share of {inputs.calls[off][1]} nobody is tested."
        yield require.holds(
            tested == wanted,
            title="People who test",
            got=f"{tested[off]} of {whole}",
            needed=f"{wanted[off]} of {whole}, {inputs.calls[off][1]:.0%}",
            detail=detail,
            next="Round the share of the number of people, and take at least one.",
        )
        again = all(np.array_equal(masks[i], masks[-6 + i]) for i in range(6))
        others = len({mask.tobytes() for mask in masks[:6]}) > 1
        yield require.holds(
            again and others,
            title="What the seed does",
            got="the same people for every seed"
            if not others
            else "as it should"
            if again
            else "other people when it is asked again",
            needed="another seed draws other people, the same seed the same",
            next="Make the generator inside the function: np.random.default_rng(seed).",
            weight=0.5,
        )


class ConvolutionParameters(Check):
    """Parameters of a convolution."""

    points = 2
    evidence = Calls(returns=expect.Number(whole=True))
    hints = (
        "One filter has a weight for each reading of each channel that it looks at, and one bias.",
        "(kernel_size × channels + 1) × filters.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        return Inputs([(5, 3, 12), *(tuple(map(int, rng.integers(2, 40, 3))) for _ in range(8))])

    def judge(self, inputs: Inputs, outputs: list[int]) -> Iterator[Finding]:
        calls = inputs.calls
        yield require.equal(
            outputs,
            [(size * channels + 1) * filters for size, channels, filters in calls],
            calls=calls,
            title="Parameters of convolutions",
            next="Count one filter on paper first: 5 readings of 3 axes.",
            mistakes={
                "the biases are missing": [a * b * c for a, b, c in calls],
                "you count as if one channel came in": [(a + 1) * c for a, _, c in calls],
                "there is one bias for all filters": [a * b * c + 1 for a, b, c in calls],
            },
        )


class ReadingCurves(Check):
    """What two lines say that part."""

    points = 1
    hints = ("Which of the two lines tells how it will do on a buyer?",)
    evidence = Quiz(
        question="The training loss still falls, the strangers' loss rises. What do you do?",
        options={
            "a": "Train longer: the training loss is not at its end",
            "b": "Go back to the epoch where the strangers' loss was lowest, and get more people",
            "c": "Use the last epoch: it has the best accuracy on the training windows",
            "d": "Make the model larger, so that both lines fall",
        },
        answer="b",
        why={
            "a": "It would fall on, and the strangers' loss rise on: longer makes it worse.",
            "b": "There it knew most about wands and least by heart. More people help even more.",
            "c": "It knows the training people already. Nobody else will be asked by heart.",
            "d": "A larger model learns two people by heart even sooner.",
        },
    )


class BestEpoch(Check):
    """Early stopping by hand."""

    points = 2
    evidence = Calls(returns=expect.Number(whole=True))
    hints = (
        "Remember the best epoch so far; after each epoch ask how long ago that was.",
        "Leave the loop when `epoch - best >= patience`, and return `best`.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        calls = []
        for _ in range(24):
            count = int(rng.integers(6, 40))
            fall = np.exp(-np.arange(count) / rng.uniform(3, 8))
            rise = 0.02 * np.maximum(0, np.arange(count) - rng.integers(3, 20))
            losses = (0.2 + fall + rise + rng.uniform(0, 0.12, count)).round(4)
            calls.append((losses.tolist(), int(rng.integers(2, 7))))
        # Runs out of patience, and would have found a lower one later.
        calls.append(([0.9, 0.5, 0.6, 0.7, 0.8, 0.1], 3))
        # Falls to the end.
        calls.append(([0.9, 0.8, 0.7, 0.6], 2))
        return Inputs(calls)

    def judge(self, inputs: Inputs, outputs: list[int]) -> Iterator[Finding]:
        found = [stopped(*call) for call in inputs.calls]
        yield require.equal(
            outputs,
            [best for best, _ in found],
            calls=inputs.calls,
            title="Best epochs of training runs",
            next="Go through 0.9, 0.5, 0.6, 0.7, 0.8, 0.1 with a patience of 3 by hand: answer 1.",
            mistakes={
                "it looks into the future: the lowest of all, whatever the patience": [
                    int(np.argmin(losses)) for losses, _ in inputs.calls
                ],
                "you return the epoch at which it stopped, not the best one": [
                    epoch if epoch - best >= patience else best
                    for (best, epoch), (_, patience) in zip(found, inputs.calls, strict=True)
                ],
                "the first rise ends it; patience waits longer": [
                    first_rise(losses) for losses, _ in inputs.calls
                ],
            },
        )


class GestureModel(Check):
    """A model file that knows strangers' gestures."""

    points = 5
    evidence = ModelAndCalls(max_bytes=2 << 20, returns=expect.Array((None, None)))
    hints = (
        'Compile with "sparse_categorical_crossentropy", fit with validation_data and the '
        "callbacks `curve.callback()` and `EarlyStopping`, then save.",
        "`keras.optimizers.Adam(0.003)`, batches of 32, 15 epochs: new_model() then passes 90 %.",
    )
    seconds = 60

    def inputs(self, rng: np.random.Generator) -> Inputs:
        data = strangers(int(rng.integers(1, 2**40)))
        # In order, the number of the window would tell the label.
        order = rng.permutation(len(data))
        return Inputs([(data.examples[order] / 1000,)], key=data.names[order])

    def judge(
        self, inputs: Inputs, outputs: tuple[ModelFile, list[np.ndarray]]
    ) -> Iterator[Finding]:
        model, (in_notebook,) = outputs
        names = inputs.key
        windows = np.asarray(inputs.calls[0][0], np.float32)
        try:
            scores = np.asarray(model.run(windows), np.float64)
        except Exception as error:  # Keras raises many kinds for a file that it cannot open or run
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise expect.Unexpected(
                f"a file that cannot be run ({first[:160]})",
                "a model that takes windows of shape (128, 3) in g",
                "Save the model as gesture.keras once more, with standard layers only.",
            ) from None
        if scores.shape != (len(windows), len(LABELS)) or not np.isfinite(scores).all():
            raise expect.Unexpected(
                "scores that are NaN or infinite"
                if scores.shape == (len(windows), len(LABELS))
                else f"scores of shape {'×'.join(map(str, scores.shape))}",
                f"{len(LABELS)} finite scores for each of {len(windows)} windows",
                "End with a dense layer of four neurons, and lower the learning rate.",
            )
        sums = np.abs(scores.sum(axis=1) - 1).max()
        yield require.holds(
            sums < 1e-3 and scores.min() >= 0,
            title="Scores of each window",
            got="add up to 1" if sums < 1e-3 else "do not add up to 1",
            needed="four shares that add up to 1",
            next='Give the last layer activation="softmax".',
            weight=0.5,
        )
        same = in_notebook.shape == scores.shape and np.allclose(
            in_notebook, scores, atol=SAME_OUTPUTS
        )
        agree = (
            float((in_notebook.argmax(axis=1) == scores.argmax(axis=1)).mean())
            if in_notebook.shape == scores.shape
            else 0.0
        )
        yield require.holds(
            same,
            title="The file answers as the model in your notebook does",
            got="the same"
            if same
            else f"other scores; {require.percent(agree)} of the answers agree",
            needed="the same scores",
            detail="" if same else "Perhaps it was saved before it was trained.",
            next="Save the model after the last `fit`, and hand in that file.",
        )
        count = model.parameters
        yield require.at_most(
            count, MOST_PARAMETERS, unit=_parameters, title="Size",
            next="Most sit where a dense layer meets the flattened readings: pool more before it.",
        )  # fmt: skip
        predicted = np.array(LABELS)[scores.argmax(axis=1)]
        reached = float((predicted == names).mean())
        detail = require.commonest_confusion(predicted, names)
        if reached < 0.45:
            detail = f"That is about what guessing gives. {detail}"
            if _accuracy(model, 1000 * windows, names) > reached + 0.1:
                detail = "It was trained on windows in mg: on those it does better. Use x."
        yield require.at_least(
            reached, ACCURACY_NEEDED, detail=detail, weight=3,
            title="Accuracy on 16 people you never saw",
            next="Train on all of x[~strangers] until the strangers' loss stops falling.",
        )  # fmt: skip
        recalls = {name: float((predicted[names == name] == name).mean()) for name in LABELS}
        worst = min(recalls, key=recalls.get)
        yield require.at_least(
            recalls[worst], RECALL_NEEDED, weight=0.5,
            title=f"Share of the hardest label, {worst}, that is recognised",
            next=f"Click the row of {worst} in the confusion matrix: what is it taken for?",
        )  # fmt: skip


def cut(readings: np.ndarray, length: int, stride: int) -> np.ndarray:
    """All whole windows, shape (N, length, axes)."""
    starts = range(0, len(readings) - length + 1, stride)
    return np.array([readings[start : start + length] for start in starts])


def rows(recordings: list, stride: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x in g, y and person of recordings (readings in mg, label, person)."""
    cuts = [cut(np.asarray(readings) / 1000, 128, stride) for readings, _, _ in recordings]
    counts = [len(each) for each in cuts]
    y = np.repeat([LABELS.index(label) for _, label, _ in recordings], counts)
    return np.concatenate(cuts), y, np.repeat([who for _, _, who in recordings], counts)


def stopped(losses: list[float], patience: int) -> tuple[int, int]:
    """The best epoch before patience ran out, and the epoch at which training stopped."""
    best = epoch = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best >= patience:
            break
    return best, epoch


def first_rise(losses: list[float]) -> int:
    """The epoch before the loss rises for the first time."""
    rises = (i for i in range(1, len(losses)) if losses[i] > losses[i - 1])
    return next(rises, len(losses)) - 1


@cache
def strangers(seed: int) -> gestures.Dataset:
    """People whom nobody has met."""
    return gestures.generate(people=16, takes_per_label=6, seed=seed)


def _accuracy(model: ModelFile, windows: np.ndarray, names: np.ndarray) -> float:
    return float((np.array(LABELS)[model.run(windows).argmax(axis=1)] == names).mean())


def _same(found: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    return all(
        got.shape == want.shape and np.allclose(got, want, rtol=1e-4, atol=1e-4)
        for got, want in zip(found, expected, strict=True)
    )


def _about(holds: bool, *, title: str, mistake: str, got: str, needed: str, next: str) -> Finding:
    said = "as they should be" if holds else got
    return require.holds(
        holds, title=title, got=said, needed="" if holds else needed, detail=mistake, next=next
    )


def _shapes(arrays: list[np.ndarray]) -> str:
    return "shape " + ", ".join("×".join(map(str, array.shape)) for array in arrays[:2])


def _people(call: tuple) -> int:
    return len(np.unique(call[0]))


def _parameters(count: float) -> str:
    return f"{count:,.0f} parameters"
