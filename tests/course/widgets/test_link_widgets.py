"""The two explorers of Module 04: what their sliders measure, and what is left without them."""

import numpy as np
import pytest

from course import widgets


def gate(**changes):
    values = np.array([0.0, 0.5, 0.1, 0.3])
    given = {"piece_s": 1.0, "joules_per_day": lambda share: 10 + 100 * share} | changes
    return widgets.GateExplorer(values, [(1.2, 1.8), (2.5, 3.5)], battery_joules=220, **given)


def test_more_loss_moves_p99_and_leaves_the_median():
    explorer = widgets.LinkExplorer(local_ms=50, loss_percent=0)
    p50, p99 = explorer.p50, explorer.p99
    explorer.loss_percent = 2
    assert explorer.p50 == pytest.approx(p50, rel=0.05)
    assert explorer.p99 > 1.5 * p99


def test_a_larger_payload_takes_longer_on_a_narrow_link():
    explorer = widgets.LinkExplorer(local_ms=50, up_kbps=100, loss_percent=0)
    p50 = explorer.p50
    explorer.payload = "a second of sound, 32 kB"
    assert explorer.p50 > p50 + 2000


def test_the_histogram_holds_every_request_even_those_off_the_axis():
    explorer = widgets.LinkExplorer(local_ms=50, rtt_ms=0, loss_percent=0)
    assert sum(explorer._counts) == 1001
    explorer.up_kbps = 1
    explorer.payload = "a photo, 300 kB"
    assert sum(explorer._counts) == 1001


def test_a_slider_beyond_its_ends_is_survived():
    explorer = widgets.LinkExplorer(local_ms=50)
    explorer.rtt_ms, explorer.up_kbps, explorer.loss_percent = -5.0, 0.0, 500.0
    explorer.payload = "something else"
    assert np.isfinite(explorer.p99)


def test_a_device_that_takes_no_time_is_refused():
    with pytest.raises(ValueError, match="more than 0 ms"):
        widgets.LinkExplorer(local_ms=0)


def test_a_gate_counts_share_energy_days_and_caught_gestures():
    explorer = gate(threshold=0.2)
    assert (explorer.share, explorer.caught, explorer.recall) == (0.5, 2, 1.0)
    assert (explorer.joules, explorer.days) == (60.0, 220 / 60)
    explorer.threshold = 0.4
    assert (explorer.share, explorer.caught) == (0.25, 1)


def test_a_gate_at_zero_wakes_for_everything():
    assert gate().share == 1.0


@pytest.mark.parametrize("values", [[], [[1.0]], [np.nan]])
def test_a_gate_without_numbers_is_refused(values):
    with pytest.raises(ValueError, match="one finite number"):
        widgets.GateExplorer(
            values, [], piece_s=1, joules_per_day=lambda share: 1.0, battery_joules=1
        )


@pytest.mark.parametrize("make", [lambda: widgets.LinkExplorer(local_ms=50), gate])
def test_each_leaves_a_picture_and_a_text_without_a_front_end(make):
    data, _ = make()._repr_mimebundle_()
    assert "<img " in data["text/html"]
    assert "To try others, set" in data["text/plain"]
