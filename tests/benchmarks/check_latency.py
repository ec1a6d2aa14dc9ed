"""How long a learner waits for the card of a check on a plain function."""

import statistics
import time

from autograder import open_checks

ROUNDS = 100


def rule(speed):
    return "walking" if speed < 4 else "running" if speed < 27.8 else "biking"


def seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def measure():
    check = open_checks("rules_vs_learning").classify_by_speed
    yield "first check in a session", f"{1000 * seconds(lambda: check(rule).html()):.1f} ms"
    times = sorted(seconds(lambda: check(rule).html()) for _ in range(ROUNDS))
    bare = statistics.median(seconds(lambda: [rule(i) for i in range(47)]) for _ in range(ROUNDS))
    yield "median", f"{1000 * statistics.median(times):.1f} ms"
    yield "p95 (limit 300 ms)", f"{1000 * times[int(0.95 * ROUNDS)]:.1f} ms"
    yield (
        "median against calling the bare function as often",
        f"{statistics.median(times) / bare:.0f}×",
    )
