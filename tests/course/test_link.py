"""Links: the same by every seed, as slow as their figures say, and bounded when live."""

import math
import time

import numpy as np
import pytest

from course import link
from course.link import Distant, Link, LinkDown, Local, on_scripted_links, timed

WINDOW = np.zeros((128, 3), np.float32)


def scores_of(window):
    return np.array([0.1, 0.9])


def script(**changes):
    plain = {
        "trip_ms": 100.0,
        "local_ms": 50.0,
        "deadline_ms": 300.0,
        "server_scores": [0.9, 0.1],
        "local_scores": [0.2, 0.8],
    }
    return plain | changes


def test_the_same_seed_gives_the_same_trips_and_another_gives_others():
    one = link.preset("4G")
    assert np.array_equal(one.round_trips(200), one.round_trips(200))
    assert not np.array_equal(one.round_trips(200), one.but(seed=1).round_trips(200))


def test_a_quiet_link_takes_its_round_trip_and_the_time_to_carry_all_bytes():
    quiet = Link(rtt_ms=40, up_kbps=100, down_kbps=200)
    up, down = 8 * (1000 + link.HTTP_BYTES) / 100, 8 * (100 + link.HTTP_BYTES) / 200
    trips = quiet.round_trips(5, sent_bytes=1000, received_bytes=100, server_ms=7)
    assert trips == pytest.approx([40 + up + down + 7] * 5)


def test_jitter_adds_its_mean():
    trips = Link(rtt_ms=100, jitter_ms=30).round_trips(20_000)
    assert trips.min() >= 100
    assert trips.mean() == pytest.approx(130, abs=1.5)


def test_as_many_trips_wait_for_a_lost_packet_as_the_loss_says():
    lossy = Link(rtt_ms=10, loss=0.02)
    # Two packets up and one down.
    trips = lossy.round_trips(20_000, sent_bytes=1536)
    assert (trips > 10 + lossy.timeout_ms - 1).mean() == pytest.approx(1 - 0.98**3, abs=0.005)
    assert set(np.unique(trips)) <= {10 + (2**sends - 1) * lossy.timeout_ms for sends in range(9)}


def test_a_loss_in_the_middle_of_a_large_request_costs_a_round_trip_and_no_timeout():
    large = Link(rtt_ms=100, loss=0.01).round_trips(2000, sent_bytes=300_000)
    clean = Link(rtt_ms=100).round_trips(1, sent_bytes=300_000)[0]
    # 206 packets, 203 of them with witnesses behind them.
    assert np.median(large) - clean == pytest.approx(200, abs=101)


def test_a_request_in_an_outage_arrives_after_it_ends():
    cut = Link(rtt_ms=50).unplugged(2, 3)
    trips = cut.round_trips(5, every_s=1.0)
    assert trips[[0, 1, 3, 4]] == pytest.approx(50)
    assert trips[2] > 1000


def test_a_link_that_is_unplugged_for_good_counts_what_the_application_gives_up_after():
    trips = link.preset("wifi").unplugged().round_trips(4, give_up_ms=5000)
    assert trips.tolist() == [5000] * 4


@pytest.mark.parametrize("name", link.PRESETS)
def test_every_preset_names_its_source_and_its_median_lies_near_its_round_trip(name):
    chosen = link.preset(name)
    assert chosen.source
    assert chosen.rtt_ms < np.median(chosen.round_trips(500)) < 4 * chosen.rtt_ms


@pytest.mark.parametrize(
    "wrong",
    [
        {"rtt_ms": -1},
        {"rtt_ms": math.nan},
        {"rtt_ms": 1, "loss": 1.0},
        {"rtt_ms": 1, "up_kbps": 0},
        {"rtt_ms": 1, "jitter_ms": math.inf},
        {"rtt_ms": 1, "outages": ((3, 2),)},
    ],
)
def test_impossible_figures_are_refused_in_a_sentence(wrong):
    with pytest.raises(ValueError, match=r"\.$"):
        Link(**wrong)


def test_an_unknown_preset_lists_those_there_are():
    with pytest.raises(ValueError, match="poor 3G"):
        link.preset("5G")


def test_a_simulated_distant_model_answers_at_once_and_moves_its_clock():
    far = Distant(Link(rtt_ms=60_000), scores_of)
    began = time.perf_counter()
    assert far.predict(WINDOW, timeout_ms=90_000).tolist() == [0.1, 0.9]
    assert time.perf_counter() - began < 5
    assert far.clock_ms == far.last_ms == 60_000


def test_both_clocks_follow_one_model_of_delay():
    slow = Link(rtt_ms=20, jitter_ms=5, loss=0.05)
    live, simulated = Distant(slow, scores_of, live=True), Distant(slow, scores_of)
    for far in (live, simulated):
        for _ in range(3):
            far.predict(WINDOW)
    assert live.clock_ms == simulated.clock_ms


def test_a_live_link_really_waits():
    far = Distant(Link(rtt_ms=80), scores_of, live=True)
    began = time.perf_counter()
    far.predict(WINDOW)
    waited = 1000 * (time.perf_counter() - began)
    assert 80 <= waited < 5000
    assert far.last_ms >= 80


def test_a_live_link_that_is_down_waits_no_longer_than_asked():
    far = Distant(Link(rtt_ms=1).unplugged(), scores_of, live=True)
    began = time.perf_counter()
    with pytest.raises(LinkDown, match="within 50 ms"):
        far.predict(WINDOW, timeout_ms=50)
    assert time.perf_counter() - began < 5
    assert far.clock_ms == 50


def test_a_live_wait_is_bounded_whatever_is_asked(monkeypatch):
    monkeypatch.setattr(link, "LONGEST_LIVE_WAIT_MS", 30.0)
    far = Distant(Link(rtt_ms=1e7), scores_of, live=True)
    with pytest.raises(LinkDown):
        far.predict(WINDOW, timeout_ms=1e9)
    assert far.clock_ms == 30


def test_a_distant_model_is_live_only_if_the_model_behind_it_is():
    class Far:
        live = True

        def predict(self, window):
            return scores_of(window)

    assert Distant(Link(rtt_ms=1), Far()).live
    assert not Distant(Link(rtt_ms=1), scores_of).live


def test_timed_gives_the_simulated_time_behind_a_simulated_link():
    assert timed(Distant(Link(rtt_ms=500), scores_of), WINDOW)[1] == 500
    assert timed(Local(scores_of, milliseconds=50), WINDOW)[1] < 50


def test_a_scripted_run_counts_the_wait_and_the_devices_own_time():
    def patient(window, server, local, deadline_ms):
        try:
            return int(server.predict(window, timeout_ms=deadline_ms).argmax())
        except LinkDown:
            return int(local.predict(window).argmax())

    run = on_scripted_links(patient)
    quick = run(WINDOW, script())
    assert (quick["label"], quick["ms"], quick["server"], quick["local"]) == (0, 100.0, 1, 0)
    down = run(WINDOW, script(trip_ms=math.inf))
    assert (down["label"], down["ms"], down["server"], down["local"]) == (1, 350.0, 1, 1)


def test_a_scripted_run_keeps_what_the_function_raised():
    run = on_scripted_links(lambda window, server, local, deadline_ms: server.nothing)
    assert run(WINDOW, script())["error"].startswith("AttributeError")


def test_something_that_is_no_function_is_passed_on_for_the_check_to_refuse():
    assert on_scripted_links(None) is None


def test_the_summary_has_a_line_and_a_source_for_every_link():
    lines = link.summary(list(link.PRESETS.values())).splitlines()
    assert len(lines) == len(link.PRESETS)
    assert all("WebPageTest" in line or "plain range" in line for line in lines)
