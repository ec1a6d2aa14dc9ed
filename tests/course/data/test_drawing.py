"""The canvas of drawn pictures: areas, edges and what lies outside."""

import numpy as np
import pytest

from course.data._drawing import Canvas


def darkness(canvas):
    """Share of the picture that is painted, in thousandths, black on white."""
    return float(1 - canvas.pixels.mean() / 255)


def test_a_dot_has_the_area_of_its_circle():
    canvas = Canvas(200, 255.0)
    canvas.stroke((0.5, 0.5), (0.5, 0.5), 0.2, 0.0)
    assert darkness(canvas) == pytest.approx(np.pi * 0.2**2, rel=0.01)


def test_a_stroke_has_the_area_of_a_bar_with_two_round_ends():
    canvas = Canvas(200, 255.0)
    canvas.stroke((0.2, 0.3), (0.7, 0.6), 0.05, 0.0)
    assert darkness(canvas) == pytest.approx(0.1 * np.hypot(0.5, 0.3) + np.pi * 0.05**2, rel=0.01)


def test_a_stroke_may_be_wider_at_its_end():
    canvas = Canvas(96, 255.0)
    canvas.stroke((0.2, 0.5), (0.8, 0.5), 0.02, 0.0, end_radius=0.1)
    painted = (canvas.pixels < 128).sum(axis=0)
    assert painted[20] < painted[50] < painted[76]


@pytest.mark.parametrize("sense", [1, -1])
def test_a_shape_is_filled_whichever_way_its_corners_are_listed(sense):
    canvas = Canvas(200, 255.0)
    canvas.shape([(0.1, 0.1), (0.9, 0.2), (0.3, 0.8)][::sense], 0.0)
    assert darkness(canvas) == pytest.approx(0.5 * abs(0.8 * 0.7 - 0.1 * 0.2), rel=0.01)


def test_what_lies_outside_is_left_out():
    canvas = Canvas(50, 100.0)
    canvas.stroke((2, 2), (3, 3), 0.1, 0.0)
    canvas.box(-1, -1, -0.5, -0.5, 0.0)
    assert np.all(canvas.pixels == 100)
    canvas.box(-1, -1, 2, 2, 30.0)
    assert np.allclose(canvas.pixels, 30)


def test_round_bodies_are_darker_at_their_rim():
    canvas = Canvas(100, np.array([255.0, 255, 255]))
    canvas.stroke((0.5, 0.5), (0.5, 0.5), 0.4, np.array([200.0, 100, 50]), rim=0.5)
    assert canvas.pixels[50, 50] == pytest.approx([200, 100, 50], abs=1)
    assert np.all(canvas.pixels[50, 13] < 0.65 * canvas.pixels[50, 50])


def test_a_camera_sees_whole_brightnesses_from_0_to_255():
    canvas = Canvas(60, 250.0)
    canvas.box(0, 0, 0.5, 1, 3.0)
    seen = canvas.seen(np.random.default_rng(0), slope=0.1, noise=6)
    assert seen.dtype == np.uint8
    assert (seen.min(), seen.max()) == (0, 255)
