"""The generated activities: the same everywhere, plausible, and as hard as real ones."""

import doctest
import hashlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from course.data import activity
from course.data.activity import LABELS, SAMPLE_RATE_HZ, WINDOW, generate, recording, sample

# Of generate(people=2, windows_per_label=3, seed=11).  When it changes, everything a learner or
# a grader has measured changes with it: write the bundled sample anew and say so in the notes.
FINGERPRINT = "648742112999a57d"
# Usain Bolt's peak, 44.72 km/h (IAAF's analysis of the 100 m final, Berlin 2009).
FASTEST_RUNNER_MPH = 27.8


def fingerprint(data):
    readings = np.round(data.acceleration * 512).astype("<i2").tobytes()
    speeds = np.round(data.speed * 100).astype("<i2").tobytes()
    return hashlib.sha256(readings + speeds).hexdigest()[:16]


@pytest.fixture(scope="module")
def twelve_people():
    return generate(people=12, windows_per_label=20, seed=0)


@pytest.fixture(scope="module")
def many_people():
    return generate(people=40, windows_per_label=4, seed=5)


def magnitude(acceleration):
    return np.linalg.norm(acceleration, axis=-1)


# --- The same everywhere --------------------------------------------------------------------


def test_a_seed_gives_the_readings_it_always_gave():
    assert fingerprint(generate(people=2, windows_per_label=3, seed=11)) == FINGERPRINT


def test_another_process_gets_the_same_readings():
    program = (
        "import hashlib, numpy as np\n"
        "from course.data.activity import generate\n"
        "data = generate(people=2, windows_per_label=3, seed=11)\n"
        "print(hashlib.sha256(data.acceleration.tobytes() + data.speed.tobytes()).hexdigest())"
    )
    root = Path(activity.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    data = generate(people=2, windows_per_label=3, seed=11)
    here = hashlib.sha256(data.acceleration.tobytes() + data.speed.tobytes()).hexdigest()
    assert done.stdout.strip() == here


def test_a_person_does_not_depend_on_how_many_are_asked_for():
    few, more = generate(people=3, windows_per_label=2), generate(people=5, windows_per_label=2)
    assert np.array_equal(few.acceleration, more.for_people(range(3)).acceleration)
    assert np.array_equal(few.speed, more.for_people(range(3)).speed)


def test_two_seeds_have_different_people():
    one, other = (generate(people=1, windows_per_label=2, seed=seed) for seed in (0, 1))
    assert not np.array_equal(one.acceleration, other.acceleration)


def test_twelve_people_take_a_few_seconds_at_most():
    start = time.perf_counter()
    generate(people=12, windows_per_label=20, seed=3)
    # Half a second on an idle laptop; machines that run tests are shared.
    assert time.perf_counter() - start < 6


# --- Shapes and units -----------------------------------------------------------------------


def test_shapes_and_types_are_as_documented(twelve_people):
    data = twelve_people
    assert data.acceleration.shape == (960, WINDOW, 3)
    assert data.speed.shape == (960, WINDOW)
    assert data.acceleration.dtype == data.speed.dtype == np.float32
    assert data.labels.shape == data.person.shape == (960,)
    assert np.array_equal(np.bincount(data.labels), [240] * len(LABELS))
    assert np.array_equal(np.bincount(data.person), [80] * 12)


def test_readings_are_steps_of_a_sensor_that_ends_at_4_g(twelve_people):
    steps = twelve_people.acceleration * 512
    assert np.array_equal(steps, np.round(steps))
    assert np.abs(twelve_people.acceleration).max() == 4


def test_a_wrist_at_rest_feels_gravity_alone(many_people):
    standing = np.median(magnitude(many_people.only("golfing").acceleration), axis=1)
    assert standing == pytest.approx(1, abs=0.12)


def test_everybody_shakes_the_watch_more_running_than_walking(many_people):
    for person in many_people.people:
        own = many_people.for_people([person])
        walk, run = (own.only(name).acceleration.std(axis=1).mean() for name in LABELS[:2])
        assert run > 1.5 * walk


def test_every_golf_window_holds_a_swing(many_people):
    golf = many_people.only("golfing").acceleration
    assert magnitude(golf).max(axis=1).min() > 1.5


def test_watches_are_turned_and_never_mirrored():
    people = [activity._meet(s)[0] for s in np.random.SeedSequence(2).spawn(300)]
    assert [np.linalg.det(p.watch) for p in people] == pytest.approx([1] * 300)
    on_the_other_wrist = np.mean([p.watch[0, 0] < 0 for p in people])
    assert 0.05 < on_the_other_wrist < 0.16


# --- Speed ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "lowest", "highest"),
    [("walking", 1.3, 4), ("running", 4, 11.5), ("biking", 1, 32), ("golfing", 1.3, 4)],
)
def test_speeds_are_those_of_amateurs(many_people, label, lowest, highest):
    mean = many_people.only(label).speed.mean(axis=1)
    assert lowest < mean.min()
    assert mean.max() < highest


def test_half_of_all_walks_and_rides_are_at_an_everyday_pace(many_people):
    assert 2.4 < np.median(many_people.only("walking").speed) < 3.3
    assert 9.5 < np.median(many_people.only("biking").speed) < 12


def test_a_reported_speed_is_smooth(many_people):
    assert np.abs(np.diff(many_people.speed, axis=1)).max() < 0.6


def test_a_golfers_speed_is_a_walkers_speed(many_people):
    golf, walk = (many_people.only(n).speed.mean(axis=1) for n in ("golfing", "walking"))
    low, high = np.percentile(walk, [2, 98])
    assert np.mean((golf > low) & (golf < high)) > 0.9


def test_rides_are_taken_for_runs_by_the_fastest_runners_speed(many_people):
    ride = many_people.only("biking").speed.mean(axis=1)
    assert np.mean((ride >= 4) & (ride < FASTEST_RUNNER_MPH)) > 0.9


def best_rule(data):
    """Accuracy of the best pair of thresholds between walking, running and biking."""
    speed = data.speed.mean(axis=1)
    return max(
        np.mean(np.searchsorted([slow, fast], speed, side="right") == data.labels)
        for slow in np.arange(1, 8, 0.2)
        for fast in np.arange(slow, 30, 0.2)
    )


def test_thresholds_sort_three_activities_moderately_and_four_badly(many_people):
    assert 0.75 < best_rule(many_people.only("walking", "running", "biking")) < 0.92
    assert best_rule(many_people) < 0.70


# --- As hard as real people -----------------------------------------------------------------


def spread_and_posture(acceleration):
    """Spread of x, y and z, and means of x and z: five features, shape (windows, 5)."""
    mean, spread = acceleration.mean(axis=1), acceleration.std(axis=1)
    return np.column_stack([spread, mean[:, [0, 2]]])


def posture(acceleration):
    return acceleration.mean(axis=1)


def accuracy(features, labels, train, test, neighbours=3):
    """Share of test windows whose nearest training windows mostly have their label."""
    centre, scale = features[train].mean(axis=0), features[train].std(axis=0)
    scaled = (features - centre) / scale
    distance = ((scaled[test][:, None] - scaled[train]) ** 2).sum(axis=2)
    nearest = labels[train][np.argsort(distance, axis=1, kind="stable")[:, :neighbours]]
    votes = (nearest[:, :, None] == np.arange(len(LABELS))).sum(axis=1)
    return np.mean(votes.argmax(axis=1) == labels[test])


def on_unseen_people(data, describe):
    features = describe(data.acceleration)
    return np.mean(
        [
            accuracy(features, data.labels, data.person != person, data.person == person)
            for person in data.people
        ]
    )


def on_a_random_quarter(data, describe):
    chosen = np.random.default_rng(0).permutation(len(data)) < len(data) // 4
    return accuracy(describe(data.acceleration), data.labels, ~chosen, chosen)


def test_a_model_generalises_to_unseen_people_as_a_real_one_does(twelve_people):
    assert 0.85 < on_unseen_people(twelve_people, spread_and_posture) < 0.97


def test_a_random_split_flatters_the_same_model(twelve_people):
    flattered = on_a_random_quarter(twelve_people, spread_and_posture)
    assert flattered >= 0.98
    assert flattered > on_unseen_people(twelve_people, spread_and_posture) + 0.05


def test_how_the_watch_hangs_says_who_wears_it_rather_than_what_they_do(twelve_people):
    assert on_a_random_quarter(twelve_people, posture) > 0.9
    assert on_unseen_people(twelve_people, posture) < 0.8


# --- The data set ---------------------------------------------------------------------------


def test_it_says_what_it_holds():
    data = generate(people=1, windows_per_label=1)
    assert repr(data) == (
        "Activity: 4 windows of 5.12 s, 1 person (1 walking, 1 running, 1 biking, 1 golfing)"
    )
    assert repr(data.only("biking")) == "Activity: 1 window of 5.12 s, 1 person (1 biking)"
    assert "CC0" in data.licence
    assert data.description


def test_names_are_labels_in_words(twelve_people):
    assert twelve_people.names[0] == "walking"
    assert set(twelve_people.names) == set(LABELS)


def test_people_and_labels_can_be_chosen(twelve_people):
    chosen = twelve_people.for_people([2, 5]).only("golfing", "walking")
    assert len(chosen) == 80
    assert chosen.people.tolist() == [2, 5]
    assert set(chosen.names) == {"walking", "golfing"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: generate(people=0), r"^people must be at least 1, not 0\.$"),
        (lambda: generate(people=2.5), r"^people must be a whole number, not 2\.5\.$"),
        (
            lambda: generate(people=1, windows_per_label=-3),
            r"^windows_per_label must be at least 1, not -3\.$",
        ),
        (lambda: generate(people=1, seed=-1), r"^seed must be at least 0, not -1\.$"),
        (
            lambda: recording("swimming"),
            r"^There is no activity 'swimming'; there are walking, running, biking, golfing\.$",
        ),
        (
            lambda: recording("biking", seconds=600),
            r"^A recording lasts from 3 to 120 seconds, not 600\.$",
        ),
        (
            lambda: generate(people=2, windows_per_label=1).for_people([0, 7]),
            r"^There is no person 7 in this data set; its people are 0, 1\.$",
        ),
        (
            lambda: generate(people=1, windows_per_label=1).only("sleeping"),
            r"^There is no activity 'sleeping'; there are",
        ),
    ],
)
def test_a_wrong_argument_gets_a_full_sentence(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


# --- Recordings -----------------------------------------------------------------------------


@pytest.mark.parametrize("label", LABELS)
def test_a_recording_lasts_as_long_as_asked(label):
    taken = recording(label, seconds=7, seed=4)
    assert taken.acceleration.shape == (175, 3)
    assert taken.speed.shape == taken.time.shape == (175,)
    assert taken.acceleration.dtype == taken.speed.dtype == np.float32
    assert taken.seconds == 7
    assert taken.sample_rate_hz == SAMPLE_RATE_HZ
    assert repr(taken) == f"Recording: {label}, 7.0 s at 25 Hz"


def test_the_bundled_sample_is_ten_seconds_of_each_activity():
    assert [(r.label, r.seconds) for r in sample()] == [(label, 10) for label in LABELS]


def test_the_bundled_sample_is_what_its_command_writes(tmp_path):
    activity._write_sample(tmp_path / "sample.npz")
    bundled = Path(activity.__file__).with_name("activity_sample.npz")
    assert bundled.stat().st_size < 100_000
    with np.load(tmp_path / "sample.npz", allow_pickle=False) as fresh:
        for index, shipped in enumerate(sample()):
            assert np.array_equal(fresh["acceleration"][index] / 512, shipped.acceleration)
            assert fresh["speed"][index] / 100 == pytest.approx(shipped.speed)


def test_the_sample_shows_golf_at_a_walking_pace_and_a_swing():
    walk, _, ride, golf = sample()
    assert golf.speed.mean() == pytest.approx(walk.speed.mean(), abs=0.3)
    assert ride.speed.mean() < FASTEST_RUNNER_MPH
    assert magnitude(golf.acceleration).max() > 2 * magnitude(walk.acceleration).max()


def test_the_documented_examples_hold():
    assert doctest.testmod(activity).failed == 0
