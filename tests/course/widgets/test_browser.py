"""The widgets in a real JupyterLab, by keyboard: it takes their keys unless it is told not to."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from course import syllabus

pytestmark = pytest.mark.browser

WAIT = 60_000
TOKEN = "a-token-for-tests"
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


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A JupyterLab with one notebook, apart from the settings of this machine."""
    folder = tmp_path_factory.mktemp("lab")
    cells = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "outputs": [],
         "execution_count": None, "source": source.strip()}
        for i, source in enumerate(CELLS)
    ]  # fmt: skip
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {
        "cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
    root = folder / "root"
    root.mkdir()
    (root / "widgets.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "HOME": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_NO_CONFIG": "1",
        "PYTHONPATH": str(syllabus.root()),
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
        "--expose-app-in-browser", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={TOKEN}",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/api?token={TOKEN}", timeout=5).close()
                break
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"JupyterLab did not start:\n{(folder / 'log').read_text()}")
            time.sleep(0.1)
        yield f"{url}/lab/tree/widgets.ipynb?token={TOKEN}"
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture
def page(chromium, address):
    """The notebook, run to its end, in a tab 900 pixels wide; the browser made no complaint."""
    with contextlib.closing(chromium.new_context(viewport={"width": 900, "height": 900})) as tabs:
        page = tabs.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=WAIT)
        page.wait_for_function(
            "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
            timeout=WAIT,
        )
        for index in range(len(CELLS) - 1):
            run(page, index)
        page.wait_for_function(
            f"document.querySelectorAll('.on-device').length === {len(CELLS) - 1}", timeout=WAIT
        )
        yield page
        assert errors == []


def run(page, index):
    """Run a cell and return the text that it printed."""
    ran, outputs = page.evaluate(
        """async index => {
            const notebook = jupyterapp.shell.currentWidget.content;
            notebook.activeCellIndex = index;
            notebook.deselectAll();
            const late = new Promise(resolve => setTimeout(resolve, 60000, 'not in a minute'));
            const command = jupyterapp.commands.execute('notebook:run-cell');
            const ran = await Promise.race([command, late]);
            return [ran, notebook.widgets[index].model.outputs.toJSON()];
        }""",
        index,
    )
    assert ran is True, outputs
    return "".join(part for output in outputs for part in output.get("text", ""))


def test_every_widget_works_by_keyboard_in_jupyterlab(page):
    from playwright.sync_api import expect

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

    assert run(page, len(CELLS) - 1).strip() == "12.1 0.75 {'0': 'walking'}"
