"""Long recordings: events where they are said to be, and no seam that a sensor would feel."""

import doctest
import hashlib

import numpy as np
import pytest

from course.data import _wand, streams
from course.data.streams import Event, gesture_stream, practice

# Of gesture_stream(seconds=40, seed=11).
FINGERPRINT = "32347eba40291f06"


@pytest.fixture(scope="module")
def long_ones():
    return [gesture_stream(seconds=120, seed=seed) for seed in range(8)]


def test_a_seed_gives_the_readings_and_events_it_always_gave():
    stream = gesture_stream(seconds=40, seed=11)
    content = stream.readings.astype("<i2").tobytes() + repr(stream.events).encode()
    assert hashlib.sha256(content).hexdigest()[:16] == FINGERPRINT


def test_shapes_and_units_are_as_documented(long_ones):
    for stream in long_ones:
        assert stream.readings.shape == (3000, 3)
        assert stream.readings.dtype == np.float32
        assert np.abs(stream.readings).max() <= 2040
        assert (stream.units, stream.sample_rate_hz, stream.seconds) == ("mg", 25, 120)
        assert len(stream.time) == len(stream) == 3000


def test_events_come_in_order_inside_the_recording_and_two_seconds_apart(long_ones):
    for stream in long_ones:
        assert stream.events[0].start_s > 1
        assert stream.events[-1].end_s < stream.seconds - 1
        for event in stream.events:
            assert 0.7 < event.end_s - event.start_s < 5
            assert event.label in stream.labels
        gaps = [b.start_s - a.end_s for a, b in zip(stream.events, stream.events[1:], strict=False)]
        assert min(gaps) > 2


def test_there_are_about_as_many_events_as_asked_for_and_of_every_label(long_ones):
    assert {len(stream.events) for stream in long_ones} == {10}
    for stream in long_ones:
        counts = [sum(e.label == label for e in stream.events) for label in stream.labels]
        assert max(counts) - min(counts) <= 1


def test_slow_people_asked_for_many_gestures_give_those_that_fit():
    for seed in range(12):
        stream = gesture_stream(seconds=60, events_per_minute=8, seed=seed)
        assert 5 <= len(stream.events) <= 8
        assert len(stream) == 1500


def test_without_gestures_there_are_no_events():
    assert gesture_stream(seconds=30, events_per_minute=0).events == ()


def test_the_wand_moves_during_events_and_mostly_waits_otherwise(long_ones):
    for stream in long_ones:
        restless = np.zeros(len(stream))
        moving = np.lib.stride_tricks.sliding_window_view(stream.readings, 13, axis=0).std(axis=-1)
        restless[6:-6] = moving.max(axis=1)
        inside = np.zeros(len(stream), bool)
        for event in stream.events:
            first, last = round(event.start_s * 25), round(event.end_s * 25)
            inside[first:last] = True
            assert restless[first:last].max() > 80
        assert np.median(restless[inside]) > 3 * np.median(restless[~inside])


def test_a_hand_is_still_for_half_of_the_time_or_more():
    shares = []
    for seed in range(12):
        readings = gesture_stream(seconds=180, seed=seed).readings
        thirds = readings[: len(readings) // 8 * 8].reshape(-1, 8, 3).std(axis=1).max(axis=1)
        shares.append(np.mean(thirds < 60))
    assert np.mean(shares) > 0.5


def largest_bend():
    """Largest second difference of any pose in six recordings, before any smoothing."""
    bends, read = [], _wand.read

    def noted(person, poses, rng):
        bends.append(np.abs(np.diff(poses, 2, axis=0)).max())
        return read(person, poses, rng)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_wand, "read", noted)
        for seed in range(6):
            gesture_stream(seconds=120, seed=seed)
    return max(bends)


def test_movements_are_joined_without_a_jump(monkeypatch):
    # The fastest shake bends by 0.03 rad in 10 ms and 10 ms again; a jump, by its own height.
    assert largest_bend() < 0.05
    monkeypatch.setattr(_wand.Track, "go", lambda track, to, seconds: track.add(to[None]))
    assert largest_bend() > 0.2


def test_it_is_the_person_of_the_gestures_with_that_number():
    one, other = gesture_stream(seconds=20, person=0), gesture_stream(seconds=20, person=1)
    assert (one.person, other.person) == (0, 1)
    assert not np.array_equal(one.readings, other.readings)


def test_practice_holds_one_gesture_again_and_again():
    stream = practice("ring", seconds=60, seed=3)
    assert {event.label for event in stream.events} == {"ring"}
    assert 5 <= len(stream.events) <= 8
    assert practice("negative", seconds=60).events == ()


def test_a_part_of_a_stream_keeps_the_events_that_lie_wholly_in_it():
    stream = gesture_stream(seconds=60, seed=3)
    event = stream.events[1]
    part = stream.cut(event.start_s - 1, event.end_s + 1)
    assert len(part.events) == 1
    assert part.events[0].label == event.label
    assert part.events[0].start_s == pytest.approx(1, abs=0.03)
    assert stream.cut(event.start_s + 0.5, event.end_s + 0.5).events == ()
    with pytest.raises(ValueError, match="nothing from 50 to 70 s"):
        stream.cut(50, 70)


def test_a_plot_tells_its_events_in_words_too():
    stream = gesture_stream(seconds=30, seed=4)
    figure = stream.plot()
    assert figure.png().startswith(b"\x89PNG")
    for event in stream.events:
        assert f"{event.label} from {event.start_s:.1f} to {event.end_s:.1f} s" in figure.alt
    axes = figure.figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Time (s)", "Acceleration (mg)")
    assert "No event is shaded" in gesture_stream(seconds=30, events_per_minute=0).plot().alt


def test_a_wand_cannot_be_heard():
    with pytest.raises(ValueError, match="nothing to hear"):
        gesture_stream(seconds=10).play()


@pytest.mark.parametrize(
    "wrong",
    [
        {"seconds": 5},
        {"seconds": 1e9},
        {"seconds": "a"},
        {"seconds": float("nan")},
        {"events_per_minute": 9},
        {"events_per_minute": -1},
        {"person": -1},
        {"seed": 0.5},
    ],
)
def test_impossible_requests_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        gesture_stream(**wrong)


def test_there_is_no_practice_of_what_is_no_label():
    with pytest.raises(ValueError, match="there are wing, ring, slope, negative"):
        practice("jump")


def test_examples_in_the_documentation_are_true():
    assert doctest.testmod(streams).failed == 0
    assert Event(1, 2, "wing") == Event(1, 2, "wing")
