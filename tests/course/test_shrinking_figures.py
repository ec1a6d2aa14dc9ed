"""The figures of Module 07: each is one picture, and says in words what it shows."""

from types import SimpleNamespace

import pytest

from course import plots
from course.tflite.profile import published

MODEL = SimpleNamespace(
    device="Pixel 3", model="MobileNet", milliseconds=13, megabytes=4.3, accuracy=0.7, source="them"
)


def figures():
    return {
        "size_curves": plots.size_curves(
            {"trained": [(18_000, 0.95)], "healed": [(8_000, 0.94), (4_000, 0.8)]},
            notes={"healed": ["70 %", "90 %"]},
            title="Half",
        ),
        "share_bars": plots.share_bars(
            {"MACs": 0.33, "time": 1.3}, whole="the whole model", title="Longer"
        ),
        "published_models": plots.published_models([MODEL], title="Quick"),
    }


@pytest.mark.parametrize("name", list(figures()))
def test_a_figure_is_one_picture_with_alt_text_and_leaves_stderr_silent(name, capfd):
    bundle = figures()[name]._repr_mimebundle_()
    assert bundle["text/html"].count("<img ") == 1
    assert len(bundle["text/plain"]) > 60
    assert capfd.readouterr().err == ""


def test_alt_text_holds_the_figures_that_are_drawn():
    drawn = figures()
    assert "8.0 kB 94 %, 4.0 kB 80 %" in drawn["size_curves"].alt
    assert "MACs 33 %, time 130 %" in drawn["share_bars"].alt
    assert "4.3 MB, 13 ms, 70.0 %" in drawn["published_models"].alt


def test_published_models_name_their_source():
    found = plots.published_models([each for each in published() if each.accuracy], title="Quick")
    assert "Hosted models" in found.alt


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.size_curves({}, title="None"),
        lambda: plots.size_curves({"one": [(1, 1)]}, notes={"one": ["a", "b"]}, title="Two notes"),
        lambda: plots.share_bars({}, whole="it", title="None"),
        lambda: plots.share_bars({"time": float("nan")}, whole="it", title="NaN"),
        lambda: plots.published_models([], title="None"),
        lambda: plots.published_models(published()[:1], title="No size"),
    ],
)
def test_nothing_to_draw_is_refused(draw):
    with pytest.raises(ValueError, match=r"\.$"):
        draw()
