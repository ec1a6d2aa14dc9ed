"""The data behind the page."""

from pathlib import Path

import pytest

from course.home.overview import Links, overview
from course.syllabus import CheckInfo, Module


def module(number, slug, *points, minutes=40):
    checks = tuple(CheckInfo(f"c{n}", p, f"Check {n}") for n, p in enumerate(points))
    goals = ("Do this.", "Do that", "Why?")
    return Module(number, slug, slug.title(), Path(slug), minutes, 60, goals, (), (), checks)


def links(module):
    return Links(f"/lab/{module.slug}", f"/notebooks/{module.slug}")


COURSE = (module(1, "rules", 3, 1), module(2, "training", 4, minutes=65))


def see(best):
    return overview(COURSE, best, links=links)


def test_at_the_start_nothing_is_earned_and_all_time_is_left():
    page = see({})
    assert (page.earned, page.possible, page.minutes_left) == (0, 8, 105)
    assert page.points_text == "0 of 8 points"
    assert page.minutes_text == "about 1 h 45 min left"
    assert [row.state for row in page.modules] == ["not started", "not started"]
    assert page.next.text == "Next: 1. Rules"


def test_a_module_is_in_progress_from_its_first_attempt():
    page = see({"rules": {"c0": 0.0}})
    assert page.modules[0].state == "in progress"
    assert page.modules[0].checks[0].state == "in progress"
    assert page.modules[0].checks[1].state == "not started"
    assert page.next.text == "Continue: 1. Rules"


def test_minutes_left_are_the_share_of_points_not_earned():
    page = see({"rules": {"c0": 1.0}})
    assert page.modules[0].minutes_left == 10
    assert page.modules[0].minutes_text == "10 min of 40 min left"
    assert page.minutes_text == "about 1 h 15 min left"


def test_a_fraction_counts_against_the_points_of_today():
    page = see({"rules": {"c0": 0.5}})
    assert page.modules[0].earned == 1.5
    assert page.modules[0].points_text == "1.5 of 4 points"


def test_a_module_is_done_when_every_check_is_complete():
    page = see({"rules": {"c0": 1.0, "c1": 1.0}})
    assert page.modules[0].state == "done"
    assert page.modules[0].checks_text == "2 of 2 checks complete"
    assert page.next.text == "Next: 2. Training"


def test_almost_complete_does_not_read_as_complete():
    page = see({"rules": {"c0": 0.99, "c1": 1.0}})
    assert page.modules[0].state == "in progress"
    assert page.modules[0].points_text == "3.9 of 4 points"
    assert page.modules[0].minutes_left == 1


def test_at_the_end_there_is_nothing_next():
    page = see({"rules": {"c0": 1.0, "c1": 1.0}, "training": {"c0": 1.0}})
    assert page.next is None
    assert (page.minutes_left, page.minutes_text) == (0, "all done")


def test_attempts_at_checks_that_are_gone_count_for_nothing():
    page = see({"rules": {"old": 1.0}, "gone": {"c0": 1.0}})
    assert page.earned == 0
    assert page.modules[0].state == "not started"


def test_a_module_without_checks_is_never_next():
    page = overview((module(1, "intro"), *COURSE), {}, links=links)
    assert page.next.slug == "rules"


def test_objectives_are_one_line_of_sentences():
    assert see({}).modules[0].objectives == "Do this. Do that. Why?"


@pytest.mark.parametrize(
    ("minutes", "text"), [(0, "0 min"), (45, "45 min"), (60, "1 h"), (61, "1 h 1 min")]
)
def test_durations_read_as_people_say_them(minutes, text):
    page = overview((module(1, "rules", 1, minutes=minutes),), {}, links=links)
    assert page.modules[0].minutes_text == text
