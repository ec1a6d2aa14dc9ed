"""The figures of Module 06: each is one picture, and says in words what it shows."""

from types import SimpleNamespace

import numpy as np
import pytest

from course import plots


def model(name, *, arena=4432, time=2.3):
    return SimpleNamespace(
        name=name, bytes=11_568, accuracy=0.944, arena_bytes=arena, microseconds=time
    )


def figures():
    return {
        "number_line": plots.number_line([0.5, 3], low=-1, high=1, unit="g", title="Too narrow"),
        "number_line of nothing": plots.number_line([], low=-1, high=1, title="Empty"),
        "before_and_after": plots.before_and_after([0.1, 0.2], [1, 2], [0.1, 0.2], title="Same"),
        "models_compared": plots.models_compared([model("int8"), model("float16", arena=None)],
                                                 title="Small"),
        "file_parts": plots.file_parts(
            {"float": {"weights": 900, "names": 100}, "int8": {"weights": 225, "names": 100}},
            title="Smaller",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", list(figures()))
def test_a_figure_is_one_picture_with_alt_text_and_leaves_stderr_silent(name, capfd):
    bundle = figures()[name]._repr_mimebundle_()
    assert bundle["text/html"].count("<img ") == 1
    assert len(bundle["text/plain"]) > 60
    assert capfd.readouterr().err == ""


def test_the_number_line_counts_what_lies_beyond_half_a_step_outside():
    values = np.array([-1.0, 1.0, 1.003, 1.1, -2.0])
    assert "Of 5 values 40.0 %" in plots.number_line(values, low=-1, high=1, title="").alt


def test_before_and_after_says_what_got_lost_at_most():
    alt = plots.before_and_after([0.0, 1.0], [0, 9], [0.0, 0.9], title="Lossy").alt
    assert "Lost: at most 0.1." in alt


def test_a_model_that_no_board_runs_has_no_arena():
    assert "Arena (kB) no board" in plots.models_compared([model("a", arena=None)], title="").alt


def test_parts_beyond_the_fifth_are_drawn_as_one():
    parts = {f"part {at}": 100 - at for at in range(8)}
    axes = plots.file_parts({"file": parts}, title="Many").figure.axes[0]
    assert len(axes.patches) == 6
    assert sum(patch.get_width() for patch in axes.patches) == pytest.approx(0.772)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: plots.number_line([], low=1, high=1, title=""), "no length"),
        (lambda: plots.number_line([np.nan], low=0, high=1, title=""), "not finite"),
        (lambda: plots.before_and_after([1], [1, 2], [1], title=""), "as many"),
        (lambda: plots.before_and_after([np.inf], [1], [1], title=""), "NaN or infinite"),
        (lambda: plots.models_compared([], title=""), "no model"),
        (lambda: plots.file_parts({"a": {}}, title=""), "number of bytes"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(draw, words):
    with pytest.raises(ValueError, match=words):
        draw()
