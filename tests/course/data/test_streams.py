"""Long recordings: events where they are said to be, and no seam that a sensor would feel."""

import doctest
import hashlib

import numpy as np
import pytest

from course.data import _bearing, _wand, streams, vibration
from course.data.streams import Event, gesture_stream, practice, vibration_stream

# Of gesture_stream(seconds=40, seed=11).
FINGERPRINT = "32347eba40291f06"
# Of vibration_stream(seconds=10, seed=11), rounded to a thousandth of g.
VIBRATION_FINGERPRINT = "25e4c9a36d8138fc"


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


# --- Machines -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def failing():
    return [vibration_stream(seconds=60, fault=fault, seed=2) for fault in _bearing.FAULTS]


def by_second(stream):
    return stream.readings[: len(stream) // 12_000 * 12_000].reshape(-1, 12_000).astype(float)


def peakedness(stream):
    seconds = by_second(stream)
    away = seconds - seconds.mean(axis=1, keepdims=True)
    return (away**4).mean(axis=1) / away.var(axis=1) ** 2


def test_a_seed_gives_the_vibration_it_always_gave():
    stream = vibration_stream(seconds=10, seed=11)
    content = np.round(1000 * stream.readings).astype("<i2").tobytes()
    content += repr(stream.events).encode()
    assert hashlib.sha256(content).hexdigest()[:16] == VIBRATION_FINGERPRINT


def test_vibration_has_the_documented_shape_and_one_event_until_the_end(failing):
    for stream, fault in zip(failing, _bearing.FAULTS, strict=True):
        assert stream.readings.shape == (720_000,)
        assert stream.readings.dtype == np.float32
        assert (stream.units, stream.sample_rate_hz, stream.labels) == (
            "g",
            12_000,
            vibration.FAULTS,
        )
        (event,) = stream.events
        assert event.label == fault
        assert 24 <= event.start_s <= 36
        assert event.end_s == 60


def test_until_it_fails_it_is_the_recording_of_the_sound_bearing(failing):
    sound = vibration_stream(seconds=60, fault=None, seed=2)
    assert sound.events == ()
    for stream in failing:
        first = round(stream.events[0].start_s * 12_000)
        assert np.array_equal(stream.readings[:first], sound.readings[:first])
        assert not np.array_equal(stream.readings[first:], sound.readings[first:])


def test_a_sound_bearing_stays_as_it_is():
    spreads = by_second(vibration_stream(seconds=60, fault=None, seed=3)).std(axis=1)
    assert spreads.max() < 1.15 * spreads.min()


def test_damage_cannot_be_found_at_first_and_cannot_be_missed_at_last(failing):
    for stream in failing:
        start = round(stream.events[0].start_s)
        peaks = peakedness(stream)
        calm, spread = peaks[: start - 1].mean(), peaks[: start - 1].std()
        assert peaks[start + 1 : start + 4].max() < calm + 4 * spread
        assert peaks[-3:].min() > calm + 10 * spread


def test_damage_grows_as_a_bearing_wears(failing):
    for stream in failing:
        spreads = by_second(stream).std(axis=1)[-16:].reshape(4, 4).mean(axis=1)
        assert np.all(np.diff(spreads) > 0)
        assert spreads[-1] > 1.1 * spreads[0]


def test_the_moment_can_be_chosen():
    for start in (0, 3.25, 19):
        (event,) = vibration_stream(seconds=20, starts_at_s=start).events
        assert event == Event(start, 20, "inner")


def test_the_last_seconds_are_struck_at_the_faults_own_rate(failing):
    for stream, fault in zip(failing, _bearing.FAULTS, strict=True):
        last = stream.readings[-5 * 12_000 :].astype(float)
        spectrum = np.fft.fft(last)
        hz = np.fft.fftfreq(len(last), 1 / 12_000)
        spectrum[hz < 1500] = 0
        envelope = np.abs(np.fft.ifft(spectrum))
        lines = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(last))))
        hz = np.fft.rfftfreq(len(last), 1 / 12_000)
        among = (hz > 60) & (hz < 170)
        rate = vibration.STRIKES_PER_TURN[fault] * vibration.shaft_hz(0, seed=2)
        sides = _bearing.CAGE_PER_TURN * vibration.shaft_hz(0, seed=2)
        found = hz[among][lines[among].argmax()]
        # The cage carries a damaged ball in and out of the load: lines stand on either side.
        assert min(abs(found - rate - k * sides) for k in (-1, 0, 1)) < 0.02 * rate


def test_a_machine_can_be_heard_and_a_plot_tells_when_it_fails(failing):
    assert failing[0].play().data.startswith(b"RIFF")
    figure = failing[1].plot()
    assert figure.png().startswith(b"\x89PNG")
    start = failing[1].events[0].start_s
    assert f"outer from {start:.1f} to 60.0 s" in figure.alt
    assert figure.figure.axes[0].get_ylabel() == "Acceleration (g)"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"seconds": 5}, "seconds must be"),
        ({"seconds": 301}, "seconds must be"),
        ({"fault": "cage"}, "no fault 'cage'; there are inner, outer, ball"),
        ({"fault": "normal"}, "no fault 'normal'"),
        ({"fault": 1}, "no fault 1"),
        ({"starts_at_s": -1}, "starts_at_s must be"),
        ({"seconds": 20, "starts_at_s": 19.5}, "starts_at_s must be a number from 0 to 19"),
        ({"starts_at_s": "soon"}, "starts_at_s must be"),
        ({"fault": None, "starts_at_s": 3}, "leave starts_at_s out"),
        ({"person": -1}, "person must be"),
        ({"seed": 0.5}, "seed must be"),
    ],
)
def test_impossible_machines_are_refused_by_name(wrong, told):
    with pytest.raises(ValueError, match=told):
        vibration_stream(**wrong)


def test_examples_in_the_documentation_are_true():
    assert doctest.testmod(streams).failed == 0
    assert Event(1, 2, "wing") == Event(1, 2, "wing")
