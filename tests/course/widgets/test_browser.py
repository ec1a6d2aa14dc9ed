"""The widgets in a real JupyterLab, by keyboard: it takes their keys unless it is told not to."""

import contextlib

import pytest

pytestmark = pytest.mark.browser

CELLS = [
    """
import types
import numpy as np
from course import widgets
explorer = widgets.ThresholdExplorer([3, 7, 12, 20], ["walking", "running", "biking", "biking"])
explorer
""",
    """
widgets.Quiz("Sum?", {"a": "1", "b": "2"}, "sum", "<p>You chose {}.</p>".format)
""",
    """
rng = np.random.default_rng(0)
widgets.FeatureScatter(
    rng.normal(size=(8, 2)), ["walking", "running"] * 4, ["u (g)", "v (g)"],
    rng.normal(size=(8, 16, 3)),
)
""",
    """
def recording(label):
    return types.SimpleNamespace(
        label=label, sample_rate_hz=25, speed=np.ones(50), acceleration=np.zeros((50, 3)))
player = widgets.RecordingPlayer([recording("walking"), recording("running")])
player
""",
    """
curve = widgets.LearningCurve(2)
curve.begin()
display(curve)
for loss in (1.0, 0.5):
    curve.add_epoch({"loss": loss, "accuracy": 1 - loss})
curve.end()
""",
    "print(round(explorer.running_below, 1), explorer.accuracy, player.guesses)",
]


@pytest.fixture
def notebook(chromium, jupyterlab, open_notebook):
    """The notebook, run to its end, in a tab 900 pixels wide; the browser made no complaint."""
    viewport = {"width": 900, "height": 900}
    with (
        jupyterlab(CELLS) as address,
        contextlib.closing(chromium.new_context(viewport=viewport)) as context,
    ):
        notebook = open_notebook(context, address)
        for index in range(len(CELLS) - 1):
            notebook.run(index)
        notebook.wait_for_widgets(len(CELLS) - 1)
        yield notebook
        assert notebook.errors == []


def test_every_widget_works_by_keyboard_in_jupyterlab(notebook):
    from playwright.sync_api import expect

    page = notebook.page
    page.evaluate(
        "document.addEventListener('on-device:choice', (event) => { window.seen = event.detail; })"
    )

    slider = page.get_by_label("Running below")
    slider.fill("11.9")
    slider.press("ArrowRight")
    explorer = page.locator(".on-device-threshold-explorer")
    expect(explorer.locator(".od-score")).to_have_text("Accuracy: 100.0 % of 4 windows")
    slider.press("ArrowRight")
    expect(explorer.locator(".od-score")).to_have_text("Accuracy: 75.0 % of 4 windows")
    expect(explorer).to_contain_text("Best so far: 100.0 %, with 4.0 and 11.9 mph")

    page.get_by_role("radio").first.press("ArrowDown")
    expect(page.locator(".on-device-quiz [role=status]")).to_have_text("You chose b.")
    assert page.evaluate("window.seen") == {"task": "sum", "choice": "b"}

    scatter = page.locator(".on-device-feature-scatter")
    scatter.locator("svg[tabindex]").press("End")
    expect(scatter.get_by_role("img")).to_be_visible()
    expect(scatter.locator(".od-hidden")).to_contain_text("u (g)")

    player = page.locator(".on-device-recording-player")
    player.get_by_role("button", name="Play").press("Enter")
    expect(player.get_by_role("button", name="Pause")).to_be_visible()
    expect(player.get_by_role("slider")).not_to_have_value("0")
    player.get_by_role("group", name="Your guess").get_by_role("button").first.press("Enter")
    expect(player.get_by_role("status")).to_contain_text("1 to go.")

    expect(page.locator(".on-device-learning-curve")).to_contain_text("Epoch 2 of 2")

    assert notebook.run(len(CELLS) - 1).strip() == "12.1 0.75 {'0': 'walking'}"
