"""The generated gestures: the same everywhere, plausible, and as hard as real ones."""

import doctest
import hashlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from course.data import _wand, gestures
from course.data.gestures import LABELS, SAMPLE_RATE_HZ, WINDOW, generate

# Of generate(people=2, takes_per_label=3, seed=11).  When it changes, every figure measured on
# gestures changes with it: the bundled reference models must be trained anew.
FINGERPRINT = "693f5dd49853f155"


def fingerprint(data):
    return hashlib.sha256(np.round(data.examples).astype("<i2").tobytes()).hexdigest()[:16]


@pytest.fixture(scope="module")
def eight_people():
    return generate(people=8, takes_per_label=12, seed=4)


# --- The same everywhere --------------------------------------------------------------------


def test_a_seed_gives_the_readings_it_always_gave():
    assert fingerprint(generate(people=2, takes_per_label=3, seed=11)) == FINGERPRINT


def test_another_process_gets_the_same_readings():
    program = (
        "import hashlib\n"
        "from course.data.gestures import generate\n"
        "data = generate(people=2, takes_per_label=3, seed=12)\n"
        "print(hashlib.sha256(data.examples.tobytes()).hexdigest())"
    )
    root = Path(gestures.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    data = generate(people=2, takes_per_label=3, seed=12)
    assert done.stdout.strip() == hashlib.sha256(data.examples.tobytes()).hexdigest()


def test_a_person_does_not_depend_on_how_many_people_and_takes_are_asked_for():
    few, more = generate(people=2, takes_per_label=2), generate(people=4, takes_per_label=5)
    of_more = more.for_people([0, 1]).examples.reshape(2, 4, 5, WINDOW, 3)[:, :, :2]
    assert np.array_equal(few.examples, of_more.reshape(-1, WINDOW, 3))


def test_two_seeds_have_different_people():
    one, other = (generate(people=1, takes_per_label=2, seed=seed) for seed in (0, 1))
    assert not np.array_equal(one.examples, other.examples)


def test_twelve_people_take_a_few_seconds_at_most():
    start = time.perf_counter()
    generate(people=12, seed=3)
    # 0.7 s on an idle laptop; machines that run tests are shared.
    assert time.perf_counter() - start < 8


# --- What a wand reads ----------------------------------------------------------------------


def test_shapes_and_types_are_as_documented(eight_people):
    data = eight_people
    assert data.examples.shape == (8 * 4 * 12, WINDOW, 3)
    assert data.examples.dtype == np.float32
    assert np.bincount(data.labels).tolist() == [96] * 4
    assert np.bincount(data.person).tolist() == [48] * 8
    assert (data.units, data.sample_rate_hz, data.label_names) == ("mg", SAMPLE_RATE_HZ, LABELS)


def test_readings_are_whole_mg_of_a_sensor_that_ends_at_2040():
    readings = generate(people=6, takes_per_label=10, seed=1).examples
    assert np.array_equal(readings, np.round(readings))
    assert np.abs(readings).max() == 2040


def test_a_wand_that_waits_feels_gravity_and_the_noise_of_its_sensor():
    who, rng = _wand.meet(0, 0), np.random.default_rng(0)
    poses = np.repeat(_wand.rest(who, rng)[None], 4000, axis=0)
    readings = _wand.read(who, poses, rng)
    assert np.linalg.norm(readings, axis=1).mean() == pytest.approx(1000, abs=20)
    assert 18 < readings.std(axis=0).max() < 45


def test_pointing_up_puts_gravity_on_the_axis_towards_the_hand_with_its_sign():
    who = _wand.meet(0, 0)
    straight_up = np.tile([np.pi / 2, 0, 0, 0.5], (400, 1))
    level = np.tile([0, 0, 0, 0.5], (400, 1))
    up, flat = (
        _wand.read(who, p, np.random.default_rng(1)).mean(axis=0) for p in (straight_up, level)
    )
    assert up == pytest.approx([-1000, 0, 0], abs=80)
    assert flat == pytest.approx([0, 0, 1000], abs=80)


def share_seen(kind, seed):
    """How much of the gesture a window of this kind holds, from 0 to 1."""
    who, marked, seen = _wand.meet(seed, 0), [], []

    def stroke(*_):
        marked.append(np.tile([0.3, 99.0, 0, 0.5], (200, 1)))
        return marked[-1]

    def read(person, poses, rng):
        seen.append(np.sum(poses[_wand._MARGIN : -_wand._MARGIN, 1] == 99))
        return np.zeros((200, 3))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_wand, "stroke", stroke)
        patch.setattr(_wand, "read", read)
        patch.setattr(_wand, "rest", lambda *_: np.zeros(4))
        # The arm waits on the spot for a moment at either end: that is no part of the gesture.
        patch.setattr(
            _wand.Track, "hold", lambda track, s: track.add(np.zeros((round(s * 100), 4)))
        )
        _wand.window(who, kind, np.random.default_rng(seed))
    return seen[0] / len(marked[0])


def test_a_gesture_lies_wholly_inside_its_window():
    assert min(share_seen("wing", seed) for seed in range(30)) >= 1


def test_less_than_half_of_a_gesture_is_in_a_window_that_cuts_it_off():
    shares = [share_seen("part", seed) for seed in range(60)]
    assert max(shares) <= 0.5
    assert min(shares) == 0
    assert any(share > 0.1 for share in shares)


def test_rings_of_the_negatives_are_drawn_the_other_way_round():
    ring, _ = _wand.corners("ring")
    other, _ = _wand.corners("counter-clockwise ring")
    assert np.allclose(ring * [-1, 1], other)


def test_negatives_hold_every_kind():
    rng = np.random.default_rng(0)
    assert {_wand.negative(rng) for _ in range(400)} == set(_wand.NEGATIVES)
    assert sum(_wand.NEGATIVES.values()) == pytest.approx(1)
    assert sum(_wand.EVERYDAY.values()) == pytest.approx(1)


def test_people_differ_more_than_takes_of_one_person():
    """How the wand is held tells who holds it: what a random split of takes lets a model use."""
    waits = generate(people=10, takes_per_label=12, seed=5).only("ring")
    postures = np.median(waits.examples, axis=1).reshape(10, 12, 3)
    within = postures.std(axis=1).mean()
    between = postures.mean(axis=1).std(axis=0).mean()
    assert between > 0.5 * within


# --- Shapes ---------------------------------------------------------------------------------


def test_a_path_is_drawn_in_a_square_of_one():
    for label in LABELS[:3]:
        path = gestures.path(label)
        assert path.shape[1] == 2
        assert np.abs(path).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("label", ["negative", "wings", "", 3])
def test_what_is_no_gesture_has_no_path(label):
    with pytest.raises(ValueError, match="there are wing, ring, slope"):
        gestures.path(label)


def test_the_figure_of_the_shapes_tells_their_way_in_words():
    figure = gestures.shapes()
    assert figure.png().startswith(b"\x89PNG")
    assert "slope: from (0.2, 0.5) to (-0.3, -0.5) to (0.5, -0.5)." in figure.alt


@pytest.mark.parametrize(
    "wrong", [{"people": 0}, {"takes_per_label": 0}, {"seed": -1}, {"people": 2.5}, {"seed": "a"}]
)
def test_impossible_requests_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        generate(**wrong)


def test_examples_in_the_documentation_are_true():
    assert doctest.testmod(gestures).failed == 0


def test_a_recording_holds_the_gesture_in_every_window_of_it():
    """Told by the readings: the movement lies in the middle, the hand rests at both ends."""
    for readings, label, _ in gestures.recordings(people=4, takes_per_label=3, seed=5):
        assert readings.shape == (gestures.RECORDING, 3)
        assert readings.dtype == np.float32
        if label in ("ring", "slope"):
            moved = np.abs(np.diff(readings, axis=0)).sum(axis=1)
            assert moved[32:128].max() > moved[:8].max()


def test_recordings_name_people_in_order_and_are_the_same_again():
    first = gestures.recordings(people=3, takes_per_label=2, seed=1)
    again = gestures.recordings(people=2, takes_per_label=2, seed=1)
    assert [person for _, _, person in first] == sorted([0, 1, 2] * 8)
    for one, other in zip(first, again, strict=False):
        assert np.array_equal(one[0], other[0])
        assert one[1:] == other[1:]
