"""The sensor player: the right window at each moment, with and without a front end."""

import types

import numpy as np
import pytest

from course.widgets import SensorPlayer

READINGS = np.arange(300, dtype=np.float32).reshape(100, 3)


def player(**options):
    given = {"sample_rate_hz": 25, "window": 20, "stride": 8, "units": "mg"} | options
    return SensorPlayer(given.pop("readings", READINGS), **given)


def test_there_are_as_many_windows_as_fit_whole():
    assert player().windows == 11
    assert player(window=100).windows == 1
    assert player(window=21, stride=80).windows == 1
    assert player(window=20, stride=80).windows == 2


def test_the_window_can_be_set_and_stays_inside_the_recording():
    shown = player()
    shown.window_index = 3
    assert shown.span == (24 / 25, 44 / 25)
    shown.window_index = 99
    assert shown.window_index == 10
    shown.set_state({"window_index": -5})
    assert shown.window_index == 0


def test_the_text_says_what_is_in_the_window():
    scores = np.eye(11, 2, dtype=np.float32)
    shown = player(
        events=[(0.5, 1.25, "wing"), types.SimpleNamespace(start_s=2, end_s=3, label="ring")],
        labels=["negative"] * 10 + ["ring"],
        scores=scores,
        score_names=["wing", "ring"],
    )
    shown.window_index = 1
    text = shown._fallback_text()
    assert "11 windows of 20 readings every 8" in text
    assert "window 1, from 0.32 to 1.12 s; mean x 52.5, y 53.5, z 54.5 mg" in text
    assert "Its label is negative." in text
    assert "wing 0.00, ring 1.00" in text
    assert "wing from 0.5 to 1.2 s; ring from 2.0 to 3.0 s" in text
    assert shown._fallback_figure().alt == text


def test_a_name_has_one_colour_whether_event_label_or_score():
    shown = player(
        events=[(0, 1, "ring")], labels=["ring"] * 11, scores=np.ones((11, 1)), score_names=["ring"]
    )
    assert shown._names == ["ring"]
    assert shown._events == [[0.0, 1.0, 0]]
    assert shown._labels == [0] * 11


@pytest.mark.parametrize("columns", [1, 2, 6, 9])
def test_recordings_of_any_sensor_are_drawn(columns):
    shown = player(readings=np.ones((100, columns)))
    assert len(shown.axis_names) == columns
    assert shown._fallback_figure().png().startswith(b"\x89PNG")


def test_a_single_row_and_gaps_are_drawn():
    readings = np.ones(100)
    readings[:30] = np.nan
    shown = player(readings=readings)
    assert "mean reading unknown mg" in shown._fallback_text()
    assert shown._fallback_figure().png().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"readings": np.ones((2, 2, 2))}, "must be \\(T, C\\)"),
        ({"readings": np.ones((100, 10))}, "at most 9 columns"),
        ({"readings": np.ones((700_000, 3), np.float16)}, "can be played at once"),
        ({"window": 101}, "at most the 100 readings"),
        ({"stride": 0}, "at least 1"),
        ({"sample_rate_hz": 0}, "above 0"),
        ({"sample_rate_hz": float("nan")}, "above 0"),
        ({"labels": ["a"]}, "1 labels but 11 windows"),
        ({"scores": np.ones((3, 2))}, "must be \\(11, K\\)"),
        ({"scores": np.ones((11, 2)), "score_names": ["a"]}, "2 scores but 1 score names"),
        ({"events": [(2, 1, "a")]}, "must end after it starts"),
        ({"events": ["wing"]}, "start and an end"),
        ({"events": [(0, float("nan"), "a")]}, "must end after"),
    ],
)
def test_what_does_not_fit_together_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        player(**options)
