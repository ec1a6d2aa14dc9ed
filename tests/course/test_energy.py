"""The table of currents: every figure with a source, and sums that come out right."""

import pytest

from course import energy


@pytest.mark.parametrize("name", energy.draws())
def test_every_draw_names_its_source_and_is_positive(name):
    one = energy.draw(name)
    assert one.what
    assert len(one.source) > 10
    assert 0 < one.milliwatts < 5000


@pytest.mark.parametrize("name", ["cr2032", "aaa", "wearable", "phone"])
def test_every_battery_names_its_source_and_holds_something(name):
    one = energy.battery(name)
    assert one.source
    assert one.joules == pytest.approx(3.6 * one.milliampere_hours * one.volts)


def test_a_keyword_inference_on_the_board_costs_half_a_millijoule():
    # 3 V × 3.3 mA × 53.7 ms
    assert energy.draw("inference.small").millijoules == pytest.approx(0.5316, abs=1e-4)


def test_current_and_power_agree():
    assert energy.draw("board.busy").milliamperes == pytest.approx(3.3)


def test_a_draw_known_by_its_power_has_no_current():
    with pytest.raises(ValueError, match="known by its power"):
        _ = energy.draw("phone_4g.tail").milliamperes


def test_a_draw_without_a_duration_has_no_energy():
    with pytest.raises(ValueError, match="depends"):
        _ = energy.draw("board.busy").millijoules
    with pytest.raises(ValueError, match="depends"):
        energy.phases("phone_4g.wake", "board.busy")


def test_phases_come_as_two_arrays_in_order():
    milliwatts, milliseconds = energy.phases("phone_4g.wake", "phone_4g.tail")
    assert milliwatts.tolist() == [1210.7, 1060.0]
    assert milliseconds.tolist() == [260.1, 11576.0]


def test_a_milliampere_empties_240_milliampere_hours_in_ten_days():
    assert energy.battery_days(1.0, 240.0) == 10.0


@pytest.mark.parametrize("current", [0.0, -1.0, float("nan")])
def test_a_battery_without_a_load_is_refused(current):
    with pytest.raises(ValueError, match="above 0"):
        energy.battery_days(current, 225)


@pytest.mark.parametrize("ask", [energy.draw, energy.battery, energy.table])
def test_an_unknown_name_lists_those_there_are(ask):
    with pytest.raises(ValueError, match="phone"):
        ask("fusion")


def test_the_table_shows_sources_as_text_and_as_html():
    table = energy.table("phone_4g.tail")
    assert "MobiSys 2012" in repr(table)
    assert "<td>11,576.0</td>" in table._repr_html_()
    assert len(energy.table().draws) == len(energy.draws())
