import io
import types

import matplotlib as mpl
import numpy as np
import pytest

from course import plots

NAMES = ["walking"] * 4 + ["running"] * 2


def recording(label="walking", speed=3.0, seconds=2):
    count = 25 * seconds
    return types.SimpleNamespace(
        label=label,
        sample_rate_hz=25,
        speed=np.full(count, speed, np.float32),
        acceleration=np.tile(np.float32([0, 0, 1]), (count, 1)),
    )


def figures():
    history = {"loss": [1.0, 0.5], "val_loss": [1.1, 0.7], "accuracy": [0.5, 0.8]}
    features = np.arange(12.0).reshape(6, 2)
    return {
        "confusion_matrix": plots.confusion_matrix(NAMES, NAMES),
        "speed": plots.recordings([recording()], title="A walk"),
        "acceleration": plots.recordings([recording()], quantity="acceleration"),
        "feature_clouds": plots.feature_clouds(features, NAMES),
        "speed_strips": plots.speed_strips(
            [3, 3, 3, 3, 7, 7], NAMES, walking_below=4, running_below=20, title="Apart"
        ),
        "two_boxes": plots.two_boxes(),
        "learning_curve": plots.learning_curve(history),
        "accuracy_bars": plots.accuracy_bars({"rules": 0.5, "model": 0.9}),
        "latency_strips": plots.latency_strips({"4G": [70, 80, 300]}, local_ms=54, title="Late"),
        "cost_dots": plots.cost_dots({"compute": 0.5, "send": 12_000}, unit="mJ", title="Dear"),
        "pictures": plots.pictures([np.zeros((8, 8)), np.zeros((9, 5, 3), np.uint8)], title="Two"),
        "score_strips": plots.score_strips(
            [1, 2, 3], np.eye(3), ["wing", "ring", "slope"], found=[(2, "ring")], title="Named"
        ),
        "stage_bars": plots.stage_bars({"prepare": 0.002, "model": 0.03}, title="Times"),
        "gate_strip": plots.gate_strip(
            [1, 2, 3], [0.1, 0.5, 0.1], [(1.5, 2.5)], threshold=0.2, title="Awake"
        ),
        "hex_dump": plots.hex_dump(b"TFL3", ["identifier"] * 4, title="A model"),
        "operator_columns": plots.operator_columns(
            {"free": ["SHAPE", "ADD"], "fixed": ["ADD"]}, title="One more"
        ),
        "difference_strips": plots.difference_strips(
            {"phone": [0, 1e-7], "hollow": [np.nan, np.nan]}, tolerance=1e-4, title="Apart"
        ),
    }


@pytest.mark.parametrize("name", list(figures()))
def test_a_figure_is_one_picture_with_alt_text_and_leaves_stderr_silent(name, capfd):
    figure = figures()[name]
    bundle = figure._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/html"].count("<img ") == 1
    assert 'alt="' in bundle["text/html"]
    assert bundle["text/plain"] == figure.alt
    assert figure.png().startswith(b"\x89PNG")
    assert capfd.readouterr().err == ""


def test_drawing_leaves_nothing_open_for_the_inline_backend_and_no_setting_changed():
    import matplotlib.pyplot as plt

    before = dict(mpl.rcParams)
    figures()
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before


def test_the_house_style_can_be_put_on_the_learners_own_figures():
    with mpl.rc_context():
        plots.use_house_style()
        assert mpl.rcParams["axes.titlelocation"] == "left"


def test_a_picture_fits_a_notebook_column_and_is_saved_where_asked(tmp_path):
    from matplotlib.image import imread

    figure = plots.two_boxes()
    path = figure.save(tmp_path / "boxes.png")
    assert imread(io.BytesIO(path.read_bytes())).shape[1] == pytest.approx(1.5 * 750, abs=1)
    assert 'width="750"' in figure.html()


def test_the_alt_text_of_a_confusion_matrix_counts_each_answer():
    alt = plots.confusion_matrix(
        NAMES, ["walking"] * 3 + ["running"] * 3, title="One walk is a run"
    ).alt
    assert alt == (
        "Confusion matrix: One walk is a run. "
        "Of 4 walking windows 3 were called walking (75 %), 1 was called running (25 %). "
        "Of 2 running windows 2 were called running (100 %)."
    )


def test_a_confusion_matrix_keeps_the_order_of_the_labels_and_says_which_are_missing():
    alt = plots.confusion_matrix(["b"], ["b"], labels=["a", "b"]).alt
    assert "There was no a window. Of 1 b window 1 was called b (100 %)." in alt


def test_a_confusion_matrix_has_columns_for_answers_that_are_not_labels():
    answers = [None, "None of these", 3, 4, 5, "walking"]
    alt = plots.confusion_matrix(["walking"] * 6, answers, labels=["walking", "running"]).alt
    assert "1 was called no answer" in alt
    assert "1 was called None of these" in alt
    assert "2 were called something else" in alt


@pytest.mark.parametrize(
    "name", ["$x_{", "<script>alert(1)</script>", '"><b>', "", "ü" * 500, "走る 🏃"]
)
def test_hostile_names_are_drawn_as_text_and_escaped_without_a_warning(name, recwarn):
    figure = plots.confusion_matrix([name], [name], title=f"Title {name}")
    markup = figure.html()
    assert markup.count("<") == 1
    assert markup.count(">") == 1
    assert list(recwarn) == []


def test_a_confusion_matrix_refuses_answers_that_do_not_match_the_windows():
    with pytest.raises(ValueError, match="2 true names but 1 predicted"):
        plots.confusion_matrix(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="at least one window"):
        plots.confusion_matrix([], [])


def test_the_alt_text_of_recordings_gives_the_speeds():
    alt = plots.recordings([recording("biking", 12)], title="A ride").alt
    assert alt == (
        "1 plot of speed in mph over time. A ride. Biking: mean 12.0 mph, from 12.0 to 12.0."
    )


def test_recordings_to_be_guessed_do_not_name_their_labels():
    alt = plots.recordings([recording("biking")], hide_labels=True).alt
    assert "iking" not in alt
    assert "Recording 1: mean" in alt


def test_recordings_draws_speed_or_acceleration_and_nothing_else():
    with pytest.raises(ValueError, match="quantity"):
        plots.recordings([recording()], quantity="heat")
    with pytest.raises(ValueError, match="no recording"):
        plots.recordings([])


def test_the_alt_text_of_clouds_gives_the_middle_of_each_label():
    features = [[0, 10], [2, 12], [5, np.nan], [7, 1]]
    alt = plots.feature_clouds(
        features, ["walking", "walking", "running", "running"], axis_names=["u (g)", "v (g)"]
    ).alt
    assert "To the right: u (g); upwards: v (g)." in alt
    assert "Walking: 2 windows around 1 and 11." in alt
    assert "Running: 1 window around 7 and 1." in alt


def test_clouds_refuse_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="shape"):
        plots.feature_clouds([1, 2], ["a", "b"])
    with pytest.raises(ValueError, match="2 rows of features but 1 names"):
        plots.feature_clouds([[1, 2], [3, 4]], ["a"])
    with pytest.raises(ValueError, match="axes"):
        plots.feature_clouds([[1, 2]], ["a"], axes=(0, 2))
    with pytest.raises(ValueError, match="axis names"):
        plots.feature_clouds([[1, 2]], ["a"], axis_names=["u"])


def test_the_alt_text_of_a_learning_curve_gives_its_ends():
    history = {
        "loss": [1.0, 0.25],
        "val_loss": [1.0, 0.5],
        "val_accuracy": [0.2, 0.9],
        "accuracy": [0.25, 1.0],
    }
    alt = plots.learning_curve(types.SimpleNamespace(history=history), title="Done").alt
    assert "Training loss goes from 1 to 0.25 in 2 epochs." in alt
    assert "Validation accuracy goes from 20 % to 90 % in 2 epochs." in alt


def test_a_learning_curve_is_drawn_before_the_first_epoch_and_after_it_diverged():
    assert "No epoch has been trained yet." in plots.learning_curve({}).alt
    assert "to nan" in plots.learning_curve({"loss": [1.0, float("nan")]}).alt


def test_bars_give_percentages_and_refuse_what_is_not_a_share():
    figure = plots.accuracy_bars({"best rules": 0.714, "model": 0.912}, title="Better")
    assert figure.alt == "Bar chart of accuracy: Better. best rules 71.4 %, model 91.2 %."
    with pytest.raises(ValueError, match="between 0 and 1"):
        plots.accuracy_bars({"model": 91.2})
    with pytest.raises(ValueError, match="no accuracy"):
        plots.accuracy_bars({})


def test_every_activity_has_a_colour_of_its_own_and_strangers_get_a_spare_one():
    assert len(set(plots.COLOURS.values())) == len(plots.COLOURS)
    assert plots.colour_of("skiing") not in plots.COLOURS.values()


def test_percentiles_of_a_link_and_the_devices_time_stand_in_the_alt_text():
    figure = plots.latency_strips({"4G": np.arange(1, 102)}, local_ms=53.7, title="Late")
    assert "4G: p50 51.0 ms, p95 96.0 ms, p99 100 ms." in figure.alt
    assert "on the device: 53.7 ms" in figure.alt


def test_costs_of_very_different_size_are_all_named():
    figure = plots.cost_dots({"compute": 0.5316, "send": 12585}, unit="mJ", title="Dear")
    assert "compute 0.532 mJ, send 12,585 mJ" in figure.alt


@pytest.mark.parametrize("wrong", [{}, {"none": 0}, {"less": -1}, {"odd": float("nan")}])
def test_amounts_that_have_no_logarithm_are_refused(wrong):
    with pytest.raises(ValueError, match="above 0"):
        plots.cost_dots(wrong, unit="mJ", title="Dear")


def test_a_confusion_matrix_can_be_of_anything():
    assert "Of 4 walking photos 4 were" in plots.confusion_matrix(NAMES, NAMES, of="photo").alt


def test_scores_tell_how_much_happened_and_how_much_was_found():
    event = types.SimpleNamespace(start_s=1, end_s=2, label="ring")
    strips = plots.score_strips(
        [1, 2], [[0, 1], [1, 0]], ["wing", "ring"], events=[event], found=[], title="Missed"
    )
    assert "1 events happened (shaded), 0 were found" in strips.alt


@pytest.mark.parametrize("wrong", [[], [np.zeros(3)], [np.zeros((2, 2, 4))]])
def test_what_is_no_picture_is_refused(wrong):
    with pytest.raises(ValueError, match="A picture is an array"):
        plots.pictures(wrong, title="None")


@pytest.mark.parametrize("wrong", [{}, {"model": 0}, {"model": float("nan")}])
def test_stages_without_a_time_are_refused(wrong):
    with pytest.raises(ValueError, match="time above 0"):
        plots.stage_bars(wrong, title="None")


def test_a_dump_shows_bytes_as_letters_and_counts_their_kinds():
    kinds = ["position"] * 4 + ["identifier"] * 4
    figure = plots.hex_dump(b"\x1c\0\0\0TFL3", kinds, first=16, title="A model")
    assert "4 position, 4 identifier" in figure.alt
    assert "....TFL3" in figure.alt


@pytest.mark.parametrize("kinds", [[], ["identifier"], ["treasure"] * 2])
def test_a_dump_needs_a_known_kind_for_each_byte(kinds):
    with pytest.raises(ValueError, match="a known kind for each"):
        plots.hex_dump(b"ab", kinds, title="A model")


def test_operators_that_only_one_model_has_are_named_in_the_alt_text():
    figure = plots.operator_columns(
        {"free": ["SHAPE", "CONV_2D", "SHAPE"], "fixed": ["CONV_2D"]}, title="More"
    )
    assert "free has 3: SHAPE, CONV_2D, SHAPE" in figure.alt
    assert "Only the first has SHAPE, SHAPE." in figure.alt


def test_three_models_are_too_many_for_two_columns():
    with pytest.raises(ValueError, match="no more and no fewer"):
        plots.operator_columns({"a": [], "b": [], "c": []}, title="More")


def test_answers_that_are_no_number_are_counted_and_not_drawn_as_zero():
    figure = plots.difference_strips({"hollow": [np.nan, 0.5, np.nan]}, title="Apart")
    assert "hollow: at most 0.5. hollow: 2 answers are no number." in figure.alt


@pytest.mark.parametrize("wrong", [{}, {"a": []}, {"a": [-1.0]}])
def test_a_difference_below_zero_and_none_at_all_are_refused(wrong):
    with pytest.raises(ValueError, match="0 or more, or NaN"):
        plots.difference_strips(wrong, title="Apart")
