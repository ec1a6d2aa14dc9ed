"""The number line of Module 06: what its sliders measure, by Python and in a browser."""

import contextlib
import shutil
import subprocess

import numpy as np
import pytest

from course import widgets
from course.widgets._base import script


def test_the_ends_of_the_range_are_stored_as_the_ends_of_int8():
    line = widgets.NumberLine(low=-1, high=1.55)
    assert (line.scale, line.zero_point) == (pytest.approx(0.01), -28)
    line.value = -1
    assert line.stored == -128
    line.value = 1.55
    assert line.stored == 127


def test_a_number_lands_on_its_nearest_step():
    line = widgets.NumberLine(low=0, high=25.5, value=3.26)
    assert (line.stored, line.landed) == (-95, pytest.approx(3.3))


def test_a_number_beyond_the_range_lands_on_its_end():
    line = widgets.NumberLine(low=0, high=25.5, value=99)
    assert (line.stored, line.landed) == (127, pytest.approx(25.5))


def test_a_wider_range_costs_every_value_and_a_narrower_one_ruins_some():
    values = np.random.default_rng(0).normal(0, 1, 1000).clip(-2, 2)
    line = widgets.NumberLine(values, low=-2, high=2)
    fits = line.mean_error
    assert line.outside == 0
    line.low, line.high = -4, 4
    assert line.mean_error == pytest.approx(2 * fits, rel=0.1)
    line.low, line.high = -1, 1
    assert line.outside == pytest.approx(0.32, abs=0.03)
    assert line.mean_error > 10 * fits


def test_zero_always_lies_inside_the_range_and_is_stored_exactly():
    line = widgets.NumberLine(low=-1, high=1, value=0)
    for line.low, line.high in [(0.5, 1.0), (-1.0, -0.5), (0.0, 0.0), (3.0, -3.0)]:
        assert line.landed == 0
        assert -128 <= line.zero_point <= 127
        assert line.scale > 0


def test_a_slider_beyond_its_ends_is_survived():
    line = widgets.NumberLine([1.0, 2.0], low=-1, high=1)
    line.low, line.high, line.value = -1e9, 1e9, 1e12
    assert np.isfinite([line.scale, line.mean_error, line.landed]).all()


def test_many_values_are_measured_on_a_part_of_them():
    line = widgets.NumberLine(np.linspace(-2, 2, 1_000_001), low=-1, high=1)
    assert len(line._few) <= 50_000
    assert line.outside == pytest.approx(0.5, abs=0.01)
    assert "1,000,001 values" in line._fallback_text()


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        ([], {}, "no value"),
        ([np.nan], {}, "finite"),
        ([1.0], {"high": np.inf}, "finite"),
        (None, {"low": 0, "high": 0, "value": 0}, "length above 0"),
        (None, {"reach": -1}, "length above 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(values, options, words):
    with pytest.raises(ValueError, match=words):
        widgets.NumberLine(values, **options)


@pytest.mark.parametrize("values", [None, [0.5, -0.5]])
def test_it_leaves_a_picture_and_a_text_without_a_front_end(values, capfd):
    data, _ = widgets.NumberLine(values, unit="<b>g")._repr_mimebundle_()
    assert "<img " in data["text/html"]
    assert "<b>" not in data["text/html"]
    assert "To try others, set low, high and value" in data["text/plain"]
    assert capfd.readouterr().err == ""


def test_the_script_is_a_module_that_renders_and_asks_no_other_host(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("There is no node on this computer.")
    code = script("number_line")
    assert "://" not in code.replace("http://www.w3.org/2000/svg", "")
    path = tmp_path / "code.mjs"
    path.write_text(code.replace("export default { render };", "console.log(typeof render);"))
    ran = subprocess.run([node, str(path)], capture_output=True, text=True, timeout=30, check=True)
    assert ran.stdout.strip() == "function"


CELLS = [
    """
from course import widgets
line = widgets.NumberLine([0.5, 1.5, -1.5], low=-2, high=2, value=1, reach=4, unit="g")
line
""",
    "print(line.low, line.high, line.value, line.stored)",
]


@pytest.mark.browser
def test_ends_move_by_keyboard_and_by_dragging(chromium, jupyterlab, open_notebook):
    from playwright.sync_api import expect

    viewport = {"width": 900, "height": 900}
    with (
        jupyterlab(CELLS) as address,
        contextlib.closing(chromium.new_context(viewport=viewport)) as context,
    ):
        notebook = open_notebook(context, address)
        notebook.run(0)
        notebook.wait_for_widgets(1)
        line = notebook.page.locator(".on-device-number-line")
        expect(line).to_contain_text("Scale 0.0157 g · zero point 0")
        highest = notebook.page.get_by_label("Highest")
        highest.fill("3")
        highest.press("ArrowRight")
        expect(line).to_contain_text("zero point −26")
        expect(line).to_contain_text("0.0 % lie beyond the range")

        picture = line.locator("svg")
        box = picture.bounding_box()
        # The line runs from 22 pixels right of the picture's left side, -4, to 22 left of its
        # right one, 4.
        to_x = lambda value: box["x"] + 22 + (value + 4) / 8 * (box["width"] - 44)  # noqa: E731
        mouse = notebook.page.mouse
        mouse.move(to_x(-2), box["y"] + 16)
        mouse.down()
        mouse.move(to_x(-1), box["y"] + 60, steps=4)
        mouse.up()
        expect(line).to_contain_text("33.3 % lie beyond the range")
        low, high, value, _ = map(float, notebook.run(1).split())
        assert (low, high, value) == (pytest.approx(-1, abs=0.02), pytest.approx(3.01), 1.0)
        assert notebook.errors == []
