"""What every widget owes to a front end without widgets, to a terminal and to a grader."""

import json
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest

from course import widgets
from course.widgets._base import script, style

SCRIPTS = [
    ("_capture", "camera"),
    ("_capture", "microphone"),
    ("confusion_explorer",),
    ("feature_scatter",),
    ("gate_explorer",),
    ("hex_view",),
    ("learning_curve",),
    ("link_explorer",),
    ("number_line",),
    ("prune_explorer",),
    ("quiz",),
    ("recording_player",),
    ("sensor_player",),
    ("threshold_explorer",),
]
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture
def node():
    found = shutil.which("node")
    if found is None:
        pytest.skip("There is no node on this computer.")

    def run(code, folder):
        # As a module, which plain node takes only from a file with this ending.
        path = folder / "code.mjs"
        path.write_text(code, encoding="utf-8")
        return subprocess.run(
            [found, str(path)], capture_output=True, text=True, timeout=30, check=True
        ).stdout

    return run


def recording(label):
    return types.SimpleNamespace(
        label=label,
        sample_rate_hz=25,
        speed=np.linspace(1, 2, 50, dtype=np.float32),
        acceleration=np.zeros((50, 3), np.float32),
    )


def example(name, label="walking"):
    rng = np.random.default_rng(0)
    if name == "RecordingPlayer":
        return widgets.RecordingPlayer([recording(label), recording("running")])
    if name == "ThresholdExplorer":
        return widgets.ThresholdExplorer([3.0, 7.0], [label, "running"])
    if name == "FeatureScatter":
        return widgets.FeatureScatter(
            rng.normal(size=(6, 2)), [label] * 6, ["u (g)", HOSTILE], rng.normal(size=(6, 8, 3))
        )
    if name == "LearningCurve":
        curve = widgets.LearningCurve(2)
        curve.add_epoch({"loss": 0.5, "accuracy": 0.75})
        return curve
    if name == "LinkExplorer":
        return widgets.LinkExplorer(50, payloads={label: 1000})
    if name == "GateExplorer":
        return widgets.GateExplorer(
            [0.0, 1.0], [(1, 2)], piece_s=1, joules_per_day=float, battery_joules=10, unit=label
        )
    if name == "HexView":
        return widgets.HexView(b"\x1c\0\0\0TFL3" + label.encode())
    if name == "SensorPlayer":
        return widgets.SensorPlayer(
            rng.normal(size=(50, 3)),
            sample_rate_hz=25,
            window=10,
            stride=10,
            events=[(0, 1, label)],
            labels=[label] * 5,
            scores=rng.random((5, 1)),
            score_names=[label],
        )
    if name == "ConfusionExplorer":
        return widgets.ConfusionExplorer([label, "running"], [label, None], np.zeros((2, 8, 8)))
    if name == "CameraCapture":
        pictures = np.zeros((2, 8, 8, 3), np.uint8)
        return widgets.CameraCapture([label], size=8, fallback={label: pictures})
    if name == "MicrophoneCapture":
        clips = np.zeros((2, 16_000), np.int16)
        return widgets.MicrophoneCapture([label], fallback={label: clips})
    if name == "NumberLine":
        return widgets.NumberLine(rng.normal(size=50), low=-2, high=2, unit=label)
    if name == "PruneExplorer":
        return widgets.PruneExplorer(
            rng.normal(size=50), shares=[0, 0.5], accuracies=[0.9, 0.8], packed_bytes=[900, 500]
        )
    assert name == "Quiz", f"There is no example of {name} here."
    return widgets.Quiz(label, {"a": "one", "b": label}, "sum", "card of {}".format)


@pytest.mark.parametrize("name", widgets.__all__)
def test_a_widget_leaves_a_picture_and_a_text_and_nothing_on_stderr(name, capfd):
    data, _ = example(name)._bundle()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert len(data["text/plain"]) > 20
    assert name == "Quiz" or 'alt="' in data["text/html"]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", widgets.__all__)
def test_a_name_that_looks_like_markup_is_escaped_in_the_still_picture(name):
    data, _ = example(name, HOSTILE)._bundle()
    assert "onerror=alert(1)>" not in data["text/html"]


def test_widgets_show_their_text_in_a_shell_without_a_kernel():
    code = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("from course.widgets import LearningCurve, Quiz")
shell.run_cell("Quiz('One?', {'a': 'yes', 'b': 'no'}, 'one', str)")
shell.run_cell('''
curve = LearningCurve(2)
curve.begin()
curve
''')
shell.run_cell('''
curve.add_epoch({"loss": 0.5, "accuracy": 0.75})
curve.end()
''')
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stderr == ""
    assert "a) yes" in ran.stdout
    assert "no epoch has been trained yet" in ran.stdout
    assert "training loss 0.500, training accuracy 75.0 %" in ran.stdout


@pytest.mark.parametrize("names", SCRIPTS, ids=" ".join)
def test_a_script_is_a_module_that_renders_and_asks_no_other_host(names, node, tmp_path):
    code = script(*names)
    assert "://" not in code.replace("http://www.w3.org/2000/svg", "")
    shown = node(
        code.replace("export default { render };", "console.log(typeof render);"), tmp_path
    )
    assert shown.strip() == "function"


def test_the_style_touches_only_what_is_inside_a_widget():
    rules = [line for line in style().splitlines() if line.endswith(("{", ","))]
    assert rules
    assert all(line.startswith(".on-device") for line in rules)


# Threshold explorer


def test_accuracy_follows_the_thresholds_and_the_best_is_kept():
    explorer = widgets.ThresholdExplorer(
        [[2, 4], [5, 7], [10, 12], [29, 31]], ["walking", "running", "biking", "biking"]
    )
    assert explorer.speeds.tolist() == [3, 6, 11, 30]
    assert explorer.accuracy == 0.75
    explorer.running_below = 8
    assert explorer.accuracy == 1
    explorer.walking_below = 7
    assert explorer.predictions() == ["walking", "walking", "biking", "biking"]
    assert (explorer.accuracy, explorer.best_accuracy) == (0.75, 1)
    assert "75.0 % of 4 windows" in explorer._fallback_text()


def test_a_speed_on_a_threshold_belongs_to_the_faster_activity():
    assert widgets.ThresholdExplorer([4, 27.8], ["running", "biking"]).accuracy == 1


def test_golfing_has_a_row_and_no_threshold_can_name_it():
    explorer = widgets.ThresholdExplorer([2, 3], ["golfing", "walking"])
    assert explorer._labels == ["walking", "golfing"]
    assert explorer.accuracy == 0.5


def test_the_browser_computes_the_accuracy_that_python_computes(node, tmp_path):
    rng = np.random.default_rng(3)
    labels = rng.choice(["walking", "running", "biking", "golfing"], 300)
    explorer = widgets.ThresholdExplorer(rng.gamma(2, 5, (300, 16)).astype(np.float32), labels)
    thresholds = [(4.0, 27.8), (9.7, 12.3), (12.0, 3.0), (float(explorer.speeds[0]), 20.0)]
    expected = []
    for explorer.walking_below, explorer.running_below in thresholds:
        expected.append(explorer.accuracy)
    state = [explorer._speeds, explorer._truths, explorer._labels, explorer._answers]
    code = script("threshold_explorer") + (
        f"\nconst found = {json.dumps(thresholds)}.map((pair) => "
        f"score(...{json.dumps(state)}, ...pair));\n"
        "console.log(JSON.stringify(found));"
    )
    found = json.loads(node(code, tmp_path))
    assert [item["accuracy"] for item in found] == expected
    assert all(np.sum(item["counts"]) == 300 for item in found)


def test_the_explorer_refuses_speeds_without_labels_and_speeds_that_are_no_numbers():
    with pytest.raises(ValueError, match="one label for each window"):
        widgets.ThresholdExplorer([1, 2], ["walking"])
    with pytest.raises(ValueError, match="finite"):
        widgets.ThresholdExplorer([np.nan], ["walking"])


# Quiz


def test_a_choice_is_answered_with_a_card():
    seen = []
    quiz = widgets.Quiz("Sum?", {"a": "1", "b": "2"}, "sum", lambda x: seen.append(x) or f"<p>{x}")
    assert "a) 1" in quiz._fallback_text()
    assert "run this cell again" in quiz._fallback_text()
    quiz.set_state({"choice": "b"})
    assert seen == ["b"]
    assert quiz.card == "<p>b"
    quiz.set_state({"choice": "z"})
    assert seen == ["b"]


def test_an_earlier_choice_is_selected_and_its_card_is_in_every_fallback():
    card = "<style>p {}</style><p>Not yet.</p><p>Next: <em>count</em> again &amp; again.</p>"
    quiz = widgets.Quiz("Sum?", {"a": "1", "b": "2"}, "sum", lambda _: card, choice="a")
    assert quiz._fallback_text().endswith("Your choice: a\nNot yet.\nNext: count again & again.")
    assert card in quiz._fallback_html()
    assert "run this cell again" not in quiz._fallback_html()


def test_the_same_card_twice_is_still_news_to_the_browser():
    quiz = widgets.Quiz("Sum?", {"a": "1", "b": "2"}, "sum", lambda _: "<p>same")
    quiz.choice = "a"
    first = quiz._answer["serial"]
    quiz.choice = "b"
    assert quiz._answer["serial"] > first


def test_a_check_that_raises_gives_a_calm_card(capfd):
    def fail(_):
        raise RuntimeError(HOSTILE)

    quiz = widgets.Quiz("Sum?", {"a": "1", "b": "2"}, "sum", fail)
    quiz.set_state({"choice": "a"})
    assert "could not be checked: RuntimeError" in quiz.card
    assert "<img" not in quiz.card
    assert capfd.readouterr().err == ""


def test_a_quiz_refuses_a_choice_that_it_does_not_offer():
    with pytest.raises(ValueError, match="'z' is not an option"):
        widgets.Quiz("Sum?", {"a": "1", "b": "2"}, "sum", str, choice="z")
    with pytest.raises(ValueError, match="two options"):
        widgets.Quiz("Sum?", {"a": "1"}, "sum", str)


# Learning curve


def test_a_loss_that_diverged_travels_as_a_gap_and_is_kept_in_the_history():
    curve = widgets.LearningCurve(3)
    curve.begin()
    curve.add_epoch({"loss": float("nan")})
    assert curve._series == {"loss": [None]}
    json.dumps(curve.get_state(["_series"]), allow_nan=False)
    assert np.isnan(curve.history["loss"][0])
    assert "training loss nan" in curve._fallback_text()


def test_training_again_starts_a_new_curve():
    curve = widgets.LearningCurve(3)
    curve.begin()
    curve.add_epoch({"loss": 1.0})
    curve.end()
    assert curve.state == "finished"
    curve.begin(epochs=5)
    assert (curve.history, curve.epochs, curve.state) == ({}, 5, "training")


def test_keras_draws_into_the_curve():
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    curve = widgets.LearningCurve(7)
    x, y = np.zeros((4, 2)), np.zeros((4, 1))
    model.fit(x, y, validation_data=(x, y), epochs=2, verbose=0, callbacks=[curve.callback()])
    assert sorted(curve.history) == ["loss", "val_loss"]
    assert (len(curve.history["loss"]), curve.epochs, curve.state) == (2, 2, "finished")
    assert "after 2 of 2 epochs" in curve._fallback_text()


# Recording player and feature scatter


def test_a_guessing_game_mixes_the_order_always_the_same_way_and_keeps_its_picture_mum():
    labels = ["walking", "running", "biking", "golfing"]
    players = [widgets.RecordingPlayer([recording(x) for x in labels]) for _ in range(2)]
    orders = [[item.label for item in player.recordings] for player in players]
    assert orders[0] == orders[1] != labels
    assert sorted(orders[0]) == sorted(labels)
    assert not any(label in players[0]._fallback_html() for label in labels)
    assert "Answers: 1 " in players[0]._fallback_text()


def test_without_guessing_the_order_stays_and_the_picture_names_the_recordings():
    player = widgets.RecordingPlayer([recording("walking"), recording("running")], guess=False)
    assert [item.label for item in player.recordings] == ["walking", "running"]
    assert "Walking: mean 1.5 mph" in player._fallback_html()


def test_a_recording_whose_arrays_do_not_fit_is_refused():
    broken = recording("walking")
    broken.acceleration = np.zeros((49, 3))
    with pytest.raises(ValueError, match="Recording 0"):
        widgets.RecordingPlayer([broken])
    with pytest.raises(ValueError, match="no recording"):
        widgets.RecordingPlayer([])


def test_a_large_cloud_is_thinned_evenly_and_sends_each_points_own_window():
    count = 2000
    names = np.repeat(["walking", "running"], count // 2)
    features = np.stack([np.arange(count), np.zeros(count)], 1)
    windows = np.zeros((count, 4, 3)) + np.arange(count)[:, None, None] / 1000
    scatter = widgets.FeatureScatter(features, names, ["u", "v"], windows)
    assert scatter.names.count("walking") == scatter.names.count("running") == 200
    sent = np.frombuffer(scatter._windows, "<i2").reshape(400, 4, 3)
    assert sent[:, 0, 0].tolist() == scatter.features[:, 0].tolist()


def test_windows_that_are_not_finite_are_left_out_of_the_cloud():
    features = [[0, 1], [np.nan, 1], [2, 1]]
    scatter = widgets.FeatureScatter(features, list("abc"), ["u", "v"], np.zeros((3, 4, 3)))
    assert scatter.names == ["a", "c"]


@pytest.mark.parametrize(
    ("features", "names", "axis_names", "windows", "message"),
    [
        (np.zeros((2, 2)), "ab", "uv", np.zeros((1, 4, 3)), "one name and one"),
        (np.zeros((2, 2)), "ab", "uv", np.zeros((2, 3)), "one name and one"),
        (np.zeros((2, 2)), "a", "uv", np.zeros((2, 4, 3)), "one name and one"),
        (np.zeros((2, 1)), "ab", "u", np.zeros((2, 4, 3)), "two or more columns"),
        (np.full((2, 2), np.nan), "ab", "uv", np.zeros((2, 4, 3)), "nothing to draw"),
    ],
)
def test_a_cloud_whose_shapes_do_not_fit_is_refused(features, names, axis_names, windows, message):
    with pytest.raises(ValueError, match=message):
        widgets.FeatureScatter(features, list(names), list(axis_names), windows)
