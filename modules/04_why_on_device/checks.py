"""What Module 04 grades: the sums about links and batteries, a fallback, and a cascade."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from autograder import Calls, Check, Finding, Inputs, Quiz, expect, require
from autograder.evidence import describe
from course import energy, link
from course.data import gestures, streams

LABELS = gestures.LABELS

#: What an application counts for a request on which it gave up, in ms.
GIVE_UP_MS = 10_000.0

# A piece is 32 readings at 25 Hz: 1.28 s.
PIECE = 32
PIECE_S = PIECE / gestures.SAMPLE_RATE_HZ
# Waking for every piece costs 443 J a day. Over 40 seeds of 8 people each, a threshold of 0.15 g on
# the spread of the hardest axis costs 85 to 107 J and wakes for 95 to 100 % of the gestures; 0.05 g
# costs 118 J and more, and 0.3 g sleeps through up to 28 % of the gestures.
BUDGET_JOULES_PER_DAY = 110.0
RECALL_NEEDED = 0.90
# A gesture a minute, as somebody plays who also does other things.
PEOPLE, SECONDS, EVENTS_PER_MINUTE = 8, 300, 1.0


class Latency(Check):
    """Three percentiles of a link's round trips."""

    points = 2
    evidence = Calls(returns=expect.Array((3,)))
    hints = (
        "Sorted, the value in the middle is p50; 99 of 100 values lie at or below p99.",
        "`np.percentile(round_trips_ms, …)` takes a list of percentiles that count to 100.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        names = ["wifi", "4G", "3G", "poor 3G", "satellite", "bluetooth"]
        calls = []
        for name in names:
            base = link.preset(name)
            # Out for 20 to 40 of the 1,001 seconds: those requests count their ten seconds.
            start = float(rng.uniform(100, 800))
            found = base.but(
                rtt_ms=base.rtt_ms * rng.uniform(0.7, 1.5),
                seed=int(rng.integers(1 << 32)),
                outages=((start, start + float(rng.uniform(30, 50))),),
            )
            # With 1,001 trips every usual definition of a percentile picks the same one.
            calls.append((rng.permutation(found.round_trips(1001)),))
        return Inputs(calls)

    def judge(self, inputs: Inputs, outputs: list[np.ndarray]) -> Iterator[Finding]:
        trips = [values for (values,) in inputs.calls]
        came = [values[values < GIVE_UP_MS] for values in trips]
        upper = [np.percentile(values, [95, 99]) for values in trips]
        yield require.close(
            outputs,
            [np.percentile(values, [50, 95, 99]) for values in trips],
            calls=inputs.calls,
            tolerance=1e-3,
            title="p50, p95 and p99 of six links",
            next="Sort one of the arrays and look up the middle one and the 990th of 1,001.",
            mistakes={
                "your percentiles are fractions of 1, and np.percentile counts to 100": [
                    np.percentile(values, [0.5, 0.95, 0.99]) for values in trips
                ],
                "your first number is the mean, which few bad trips pull up": [
                    np.array([values.mean(), *high])
                    for values, high in zip(trips, upper, strict=True)
                ],
                "you left out the requests that gave up, and they are the worst of all": [
                    np.percentile(values, [50, 95, 99]) for values in came
                ],
                "the three are in another order: p50 comes first": [
                    np.percentile(values, [99, 95, 50]) for values in trips
                ],
            },
        )


class UploadSeconds(Check):
    """How long a link carries a signal."""

    points = 2
    evidence = Calls(returns=expect.Number(unit="s"))
    hints = (
        "How many numbers does the signal have, and how many bits are they together?",
        "A kilobit is 1,000 bits. Bits of the signal, divided by the bits the link takes a second.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        rates, widths = (25, 50, 100, 8000, 16_000), (8, 12, 16, 32)
        calls = [
            (
                int(rng.choice(rates)),
                int(rng.integers(1, 10)),
                int(rng.choice(widths)),
                float(round(rng.uniform(2, 20), 1)),
                int(rng.integers(50, 20_000)),
            )
            for _ in range(24)
        ]
        # A small colour picture, several times a second.
        calls += [(int(rng.integers(5, 30)), 96 * 96 * 3, 8, 2.0, int(rng.integers(400, 12_000)))]
        return Inputs(calls)

    def judge(self, inputs: Inputs, outputs: list[float]) -> Iterator[Finding]:
        right = [
            rate * values * bits * seconds / (1000 * kbps)
            for rate, values, bits, seconds, kbps in inputs.calls
        ]
        yield require.close(
            outputs,
            right,
            calls=inputs.calls,
            tolerance=1e-6,
            title="Seconds on the link for 25 signals",
            next="Write the units beside each factor and cancel them until seconds remain.",
            mistakes={
                "you counted bytes, and links count bits": [value / 8 for value in right],
                "a kilobit of yours has 1,024 bits": [value * 1000 / 1024 for value in right],
                "you sent one second of the signal, not all of it": [
                    value / call[3] for value, call in zip(right, inputs.calls, strict=True)
                ],
                "you sent one value of each reading": [
                    value / call[1] for value, call in zip(right, inputs.calls, strict=True)
                ],
                "the answer is in milliseconds": [1000 * value for value in right],
            },
        )


class AnswerInTime(Check):
    """An answer before the deadline, whatever the link does."""

    points = 4
    evidence = Calls()
    hints = (
        "Two ways to answer: try the server first, and when `link.LinkDown` is raised, answer on "
        "the device.",
        "The device needs `local.milliseconds` for its answer. How long can you wait for the "
        "server so that this still fits in?",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        calls, kinds = [], []
        for kind in rng.permutation(["quick"] * 16 + ["slow"] * 8 + ["down"] * 8):
            deadline = float(rng.integers(200, 800))
            local_ms = float(round(rng.uniform(20, 90), 1))
            if kind == "quick":
                trip = rng.uniform(0.1, 0.9) * (deadline - local_ms)
            else:
                trip = rng.uniform(1.1, 20) * deadline if kind == "slow" else math.inf
            theirs, own = rng.choice(len(LABELS), 2, replace=False)
            script = {
                "trip_ms": float(trip),
                "local_ms": local_ms,
                "deadline_ms": deadline,
                "server_scores": _scores(rng, theirs),
                "local_scores": _scores(rng, own),
            }
            window = rng.normal(0, 0.3, (gestures.WINDOW, 3)).astype(np.float32)
            calls.append((window, script))
            kinds.append(str(kind))
        return Inputs(calls, key=kinds)

    def judge(self, inputs: Inputs, outputs: list[Any]) -> Iterator[Finding]:
        scripts = [script for _, script in inputs.calls]
        records = [_record(output) for output in outputs]
        if errors := [(record["error"], kind) for record, kind in
                      zip(records, inputs.key, strict=True) if record["error"]]:  # fmt: skip
            error, kind = errors[0]
            down = error.startswith("LinkDown")
            where = "the link was slow or down" if kind != "quick" else "the link was fine"
            yield require.holds(
                False,
                title="Your function answers on every link",
                got=f"it raised in {len(errors)} of {len(records)} cases",
                needed="an answer in all of them",
                detail="LinkDown reached your caller." if down else f"{error} ({where}).",
                next="Catch link.LinkDown with try and except, and answer on the device."
                if down
                else "Mend that, run the task's cell and run the check again.",
            )
            return
        for record in records:
            expect.Text(LABELS).normalise(record["label"])
        right = {"server": [], "local": []}
        for record, script, kind in zip(records, scripts, inputs.key, strict=True):
            source = "server" if kind == "quick" else "local"
            wanted = LABELS[int(np.argmax(script[f"{source}_scores"]))]
            right[source].append(record["label"] == wanted)
        if not any(record["server"] for record in records):
            said = "Your function never asks the server."
        elif sum(right["server"]) < len(right["server"]) and all(
            record["server"] for record in records
        ):
            said = "The server would have answered in time, and you did not wait that long."
        else:
            said = ""
        yield _all_of(
            right["server"],
            title="A quick link: answers that are the server's",
            detail=said,
            next="Ask the server first, it has the better model, and wait as long as you can.",
            weight=1.5,
        )
        yield _all_of(
            right["local"],
            title="A slow link or none: answers that are the device's",
            next="Where the server does not answer, take the scores of local.predict(window).",
        )
        late = [record["ms"] - script["deadline_ms"] for record, script in
                zip(records, scripts, strict=True)]  # fmt: skip
        worst = int(np.argmax(late))
        after = [
            abs(extra - script["local_ms"]) < 1 for extra, script in zip(late, scripts, strict=True)
        ]
        patient = any(record["ms"] >= link.GIVE_UP_MS for record in records)
        if patient:
            said = "Without a timeout_ms the wait for the server lasts ten seconds."
        elif any(after):
            said = (
                "The wait for the server used up the whole deadline, and then the device's own "
                f"{scripts[after.index(True)]['local_ms']:.0f} ms came on top."
            )
        else:
            said = ""
        missed = sum(extra > 1e-6 for extra in late)
        yield require.holds(
            not missed,
            title="Answers before the deadline",
            got=f"{len(late) - missed} of {len(late)}"
            + (f", the worst {late[worst]:,.0f} ms late" if missed else ""),
            needed="all of them",
            detail=said if missed else "",
            next="Leave the device the time it needs: wait for the server that much less.",
            # Whoever never asks is always in time, and has answered another question.
            weight=1.5 if any(record["server"] for record in records) else 0.0,
        )


class Millijoules(Check):
    """Energy of something that happens in phases."""

    points = 2
    evidence = Calls(returns=expect.Number(unit="mJ"))
    hints = (
        "The energy of one phase is its power times its time; the phases add up.",
        "A milliwatt for a millisecond is a microjoule, a thousandth of a millijoule.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        calls = []
        for _ in range(20):
            phases = int(rng.integers(2, 6))
            calls.append(
                (
                    np.round(rng.uniform(1, 1300, phases), 1),
                    np.round(rng.uniform(1, 9000, phases), 1),
                )
            )
        return Inputs(calls)

    def judge(self, inputs: Inputs, outputs: list[float]) -> Iterator[Finding]:
        each = [power * time / 1000 for power, time in inputs.calls]
        yield require.close(
            outputs,
            [float(phases.sum()) for phases in each],
            calls=inputs.calls,
            tolerance=1e-6,
            title="Energy of 20 sequences of phases",
            next="Work out the board's case on paper: 9.9 mW for 53.7 ms is 0.53 mJ.",
            mistakes={
                "these are microjoules: mW times ms is a thousandth of a millijoule": [
                    1000 * float(phases.sum()) for phases in each
                ],
                "you multiplied total power by total time": [
                    float(power.sum() * time.sum() / 1000) for power, time in inputs.calls
                ],
                "you multiplied the mean power by the total time, whatever each phase lasts": [
                    float(power.mean() * time.sum() / 1000) for power, time in inputs.calls
                ],
                "the last phase, the radio's tail, is missing": [
                    float(phases[:-1].sum()) for phases in each
                ],
            },
        )


class BatteryDays(Check):
    """How long a battery lasts a device that sleeps and wakes."""

    points = 2
    evidence = Calls(returns=expect.Number(unit="days"))
    hints = (
        "Which share of the time is the device busy? `busy_ms / 1000 / every_s`.",
        "The mean current is the busy current for that share plus the sleeping current for the "
        "rest. mAh divided by mA are hours.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        calls = []
        for _ in range(20):
            busy_ma = float(rng.uniform(2, 200))
            duty = float(rng.uniform(0.001, 0.02))
            every_s = float(rng.uniform(1, 600))
            # Asleep at up to a hundredth: whether that counts while busy too makes no difference.
            sleep_ma = busy_ma * float(rng.uniform(0.002, 0.01))
            numbers = float(rng.choice([225.0, 300.0, 1000.0, 4000.0])), sleep_ma, busy_ma
            calls.append((*numbers, duty * every_s * 1000, every_s))
        return Inputs([tuple(round(number, 6) for number in call) for call in calls])

    def judge(self, inputs: Inputs, outputs: list[float]) -> Iterator[Finding]:
        def days(capacity: float, mean_ma: float) -> float:
            return capacity / mean_ma / 24

        rows = [
            (capacity, sleep, busy, busy_ms / 1000 / every_s)
            for capacity, sleep, busy, busy_ms, every_s in inputs.calls
        ]
        right = [days(c, busy * duty + sleep * (1 - duty)) for c, sleep, busy, duty in rows]
        yield require.close(
            outputs,
            right,
            calls=inputs.calls,
            # 1 % for those who let the sleeping current run on while the device is busy.
            tolerance=0.011,
            title="Days on a battery for 20 devices",
            next="Work out the mean current first and print it: it lies between the two.",
            mistakes={
                "the device draws nothing while it sleeps": [
                    days(c, busy * duty) for c, _, busy, duty in rows
                ],
                "these are hours, and a day has 24": [24 * value for value in right],
                "the device is busy all the time": [days(c, busy) for c, _, busy, _ in rows],
                "you took the mean of the two currents, whatever their times": [
                    days(c, (busy + sleep) / 2) for c, sleep, busy, _ in rows
                ],
                "busy_ms counts as seconds": [
                    days(c, busy * 1000 * duty + sleep * (1 - 1000 * duty))
                    for c, sleep, busy, duty in rows
                ],
            },
        )


class Wake(Check):
    """A gate that wakes the model for gestures and lets it sleep for the rest."""

    points = 5
    evidence = Calls()
    hints = (
        "A hand at rest reads nearly the same 32 times. `piece.std(axis=0)` says how much each "
        "axis moves.",
        "Take the threshold from the slider, but not the last one that still catches all: the "
        "people in the test move differently.",
    )

    def inputs(self, rng: np.random.Generator) -> Inputs:
        pieces, touching = hidden_pieces(int(rng.integers(1, 2**40)))
        return Inputs([(piece,) for piece in pieces], key=touching)

    def judge(self, inputs: Inputs, outputs: list[Any]) -> Iterator[Finding]:
        for output in outputs:
            if type(output) is not bool and (type(output) is not int or output not in (0, 1)):
                raise expect.Unexpected(
                    describe(output), "True or False", "Compare a number with a threshold."
                )
        awake = np.array(outputs, bool)
        share = float(awake.mean())
        caught = float(np.mean([awake[list(pieces)].any() for pieces in inputs.key]))
        if share == 0:
            said = "Your gate never wakes the model."
        elif share == 1:
            said = "Your gate wakes the model for every piece."
        else:
            said = f"The model is awake for {require.percent(share)} of the pieces."
        yield require.at_most(
            joules_per_day(share),
            BUDGET_JOULES_PER_DAY,
            unit=lambda joules: f"{joules:.0f} J a day",
            title=f"Energy with {PEOPLE} people you never saw",
            detail=said,
            next="Raise the threshold: what moves less than a gesture need not wake the model.",
            # A gate that never wakes anything saves energy and is worth nothing.
            weight=2 if caught >= 0.5 else 0.0,
        )
        yield require.at_least(
            caught,
            RECALL_NEEDED,
            title=f"Share of {len(inputs.key)} gestures that wake the model",
            detail=said if share == 0 else
            "What the gate sleeps through, no model behind it can find."
            if caught < RECALL_NEEDED else "",
            next="Lower the threshold, or look at another number: which axis moves most?",
            # Nor is one that never lets the model sleep.
            weight=3 if joules_per_day(share) <= 2 * BUDGET_JOULES_PER_DAY else 0.0,
        )  # fmt: skip


class WhatLeaves(Check):
    """What leaves the device."""

    points = 1
    hints = ("Read each option as the learner of Module 01 who saw that a mean names a person.",)
    evidence = Quiz(
        question="The box shall say: your movements never leave the wand. Which design keeps that?",
        options={
            "a": "Windows are sent encrypted, and the server deletes them after answering",
            "b": "Five features of each window are sent, and never the readings",
            "c": "The model runs on the wand, which sends the name of a spell when one is cast",
            "d": "A gate decides, and only windows with a movement in them are sent",
        },
        answer="c",
        why={
            "a": "Encryption keeps others out. The movements still leave, and deletion is a "
            "promise that nobody can see kept.",
            "b": "Module 01: a mean says how a watch hangs on a wrist, which is as personal as "
            "handwriting. Features are movements in fewer numbers.",
            "c": "The name of a spell leaves, and no movement does. It works without a link, too.",
            "d": "That sends less often, and it sends exactly the movements.",
        },
    )


def joules_per_day(share: float) -> float:
    """Energy a day of a gate over every piece and a large model over a share of them, in J."""
    day = energy.SECONDS_PER_DAY
    always = energy.draw("board.accelerometer").milliwatts + energy.draw("board.asleep").milliwatts
    gate, large = energy.draw("inference.gate"), energy.draw("inference.large")
    each = gate.millijoules + share * large.millijoules
    return (day / PIECE_S * each + day * always) / 1000


@cache
def hidden_pieces(seed: int) -> tuple[list[np.ndarray], list[tuple[int, ...]]]:
    """Pieces (32, 3) in g of several people's streams, and for each gesture which ones touch it."""
    pieces: list[np.ndarray] = []
    touching: list[tuple[int, ...]] = []
    for person in range(PEOPLE):
        stream = streams.gesture_stream(
            seconds=SECONDS, events_per_minute=EVENTS_PER_MINUTE, person=person, seed=seed
        )
        count = len(stream.readings) // PIECE
        cut = stream.readings[: count * PIECE].reshape(count, PIECE, 3) / 1000
        for event in stream.events:
            first, last = int(event.start_s / PIECE_S), int(event.end_s / PIECE_S)
            inside = range(first, min(last, count - 1) + 1)
            touching.append(tuple(len(pieces) + number for number in inside))
        pieces += list(cut.astype(np.float32))
    return pieces, touching


def _all_of(
    right: list[bool], *, title: str, next: str, detail: str = "", weight: float = 1.0
) -> Finding:
    return require.holds(
        all(right),
        title=title,
        got=f"{sum(right)} of {len(right)}",
        needed="all of them",
        detail="" if all(right) else detail,
        next=next,
        weight=weight,
    )


def _scores(rng: np.random.Generator, winner: int) -> list[float]:
    scores = rng.uniform(0, 0.2, len(LABELS))
    scores[winner] = 0.8
    return [float(score) for score in scores / scores.sum()]


def _record(output: Any) -> dict[str, Any]:
    """What `link.on_scripted_links` wrote down for one call, or `expect.Unexpected`."""
    kinds = {"label": object, "ms": float, "server": int, "local": int, "error": str}
    fits = type(output) is dict and set(output) == set(kinds)
    if not fits or not all(
        kind is object or type(output[name]) is kind for name, kind in kinds.items()
    ):
        raise expect.Unexpected(
            describe(output), "a run over scripted links", "Leave the check's cell as it was."
        )
    if not math.isfinite(output["ms"]):
        raise expect.Unexpected("an endless wait", "a time in ms", "Give predict a timeout_ms.")
    return output
