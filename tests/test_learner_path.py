"""The learner's path, in a real JupyterLab and a real browser, from an empty home folder.

Screenshots are kept in ``test-output/learner_path``; README's pictures are two of them.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from autograder import build, cells
from course import syllabus

SHOTS = syllabus.root() / "test-output" / "learner_path"
MODULE = "rules_vs_learning"
WAIT = 60_000  # milliseconds; the machine may be busy

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@contextlib.contextmanager
def course_start(home: Path):
    """Run ``course start`` in an empty home; yields the address that it prints."""
    config = home / ".jupyter"
    config.mkdir(parents=True, exist_ok=True)
    # The test drives JupyterLab by its own commands; nothing else differs from a learner's start.
    (config / "jupyter_lab_config.py").write_text("c.LabApp.expose_app_in_browser = True\n")
    hidden = {"COURSE_WORKSPACE", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"}
    kept = {key: value for key, value in os.environ.items() if key not in hidden}
    process = subprocess.Popen(
        [sys.executable, "-m", "course", "start", "--no-browser", "--port", "9512"],
        cwd=home, env=kept | {"HOME": str(home), "USERPROFILE": str(home)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        address = next(
            found[0]
            for line in process.stderr
            if (found := re.search(r"http://127\.0\.0\.1\S+", line))
        )
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
            os.killpg(process.pid, signal.SIGTERM)
        process.stderr.close()
        process.wait(30)


class Notebook:
    """An open notebook in JupyterLab, driven by cell id."""

    def __init__(self, page):
        self.page = page
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=WAIT)
        page.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
            " === 'idle'",
            timeout=WAIT,
        )

    def index(self, cell_id):
        return self.page.evaluate(
            "id => window.jupyterapp.shell.currentWidget.content.widgets"
            ".findIndex(cell => cell.model.id === id)",
            cell_id,
        )

    def cell(self, cell_id):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(self.index(cell_id))

    def source(self, cell_id):
        return self.page.evaluate(
            "i => window.jupyterapp.shell.currentWidget.content.widgets[i]"
            ".model.sharedModel.getSource()",
            self.index(cell_id),
        )

    def type(self, cell_id, text):
        """Replace a cell's text with the keyboard, as a learner does."""
        cell = self.cell(cell_id)
        cell.scroll_into_view_if_needed()
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    def run(self, cell_id):
        """Run one cell; returns the plain text of its outputs once it is done."""
        return self.page.evaluate(
            """async index => {
                const content = window.jupyterapp.shell.currentWidget.content;
                content.activeCellIndex = index;
                content.deselectAll();
                await window.jupyterapp.commands.execute('notebook:run-cell');
                return (content.widgets[index].model.outputs?.toJSON() ?? [])
                    .map(o => o.output_type === 'error' ? 'ERROR ' + o.evalue
                        : String(o.text ?? o.data?.['text/plain'] ?? '')).join('\\n');
            }""",
            self.index(cell_id),
        )

    def run_until(self, cell_id):
        """Run every cell from the first up to and including this one."""
        for identity in self.ids():
            self.run(identity)
            if identity == cell_id:
                return

    def ids(self):
        return self.page.evaluate(
            "window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.id)"
        )

    def shot(self, cell_id, name):
        cell = self.cell(cell_id)
        cell.scroll_into_view_if_needed()
        self.page.wait_for_timeout(500)
        cell.screenshot(path=SHOTS / f"{name}.png")

    def save(self):
        self.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    SHOTS.mkdir(parents=True, exist_ok=True)
    return tmp_path_factory.mktemp("empty home")


def earned(page):
    """Points of Module 01 as the home page shows them."""
    text = page.locator(f"[data-module={MODULE}]").inner_text()
    return float(re.search(r"([\d.]+) of [\d.]+ points", text)[1])


def open_module(context, page):
    with context.expect_page() as opened:
        page.locator(f"[data-module={MODULE}] >> text=Open in JupyterLab").click()
    opened.value.set_viewport_size({"width": 1280, "height": 1000})
    return Notebook(opened.value)


def test_a_learner_opens_the_course_answers_and_finds_progress_again(chromium, home):
    source = cells.read(syllabus.find(MODULE).source)
    tasks = source.named("task")
    with course_start(home) as address:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector(f"[data-module={MODULE}]")
        assert earned(page) == 0
        page.screenshot(path=SHOTS / "home_1280.png", full_page=True)

        notebook = open_module(context, page)
        notebook.run_until("check-fastest-human")
        notebook.page.wait_for_selector("input[type=radio]")
        notebook.page.locator("label", has_text="27.8 mph").click()
        notebook.page.wait_for_selector(".on-device-card[data-passed=true]")
        notebook.page.wait_for_timeout(500)
        assert '"c"' in notebook.source("task-fastest-human")
        notebook.shot("check-fastest-human", "quiz")

        wrong = source.wrong_answers("classify-by-speed")[0]
        notebook.type("task-classify-by-speed", wrong.source)
        notebook.run("task-classify-by-speed")
        said = notebook.run("check-classify-by-speed")
        assert said.startswith("Not yet")
        assert wrong.because in said
        notebook.shot("check-classify-by-speed", "card_not_yet")
        page.bring_to_front()
        module = page.locator(f"[data-module={MODULE}]")
        expect(module).to_contain_text("1 of 18 points", timeout=WAIT)

        right = cells.with_solution(tasks["classify-by-speed"].source)
        notebook.type("task-classify-by-speed", right)
        notebook.run("task-classify-by-speed")
        assert notebook.run("check-classify-by-speed").startswith("Done")
        notebook.shot("check-classify-by-speed", "card_done")
        notebook.save()
        page.bring_to_front()
        expect(module).to_contain_text("4 of 18 points", timeout=WAIT)
        context.close()

    with course_start(home) as address:
        context = chromium.new_context(viewport={"width": 900, "height": 1000})
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector(f"[data-module={MODULE}]")
        assert earned(page) == 4
        page.screenshot(path=SHOTS / "home_900.png", full_page=True)
        notebook = open_module(context, page)
        assert notebook.source("task-classify-by-speed") == right
        reopened = notebook.cell("check-fastest-human")
        reopened.scroll_into_view_if_needed()
        # The widget's kernel is gone; what it had shown is still there.
        expect(reopened).to_contain_text("your choice", timeout=WAIT)
        expect(reopened).not_to_contain_text("Error displaying widget")
        notebook.shot("check-fastest-human", "quiz_reopened")
        context.close()


def test_a_learner_solves_the_module_from_top_to_bottom(chromium, home):
    source = cells.read(syllabus.find(MODULE).source)
    tasks = source.named("task")
    notebook_file = home / "on-device" / syllabus.find(MODULE).folder.name / f"{MODULE}.ipynb"
    with course_start(home) as address:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(address)
        notebook = open_module(context, page)
        errors = []
        for cell_id in notebook.ids():
            if cell_id.startswith("task-"):
                answer = cells.with_solution(tasks[cell_id.removeprefix("task-")].source)
                notebook.type(cell_id, answer)
            said = notebook.run(cell_id)
            if said.startswith("ERROR"):
                errors.append(f"{cell_id}: {said}")
            if cell_id.startswith("check-") and "Done" not in said:
                errors.append(f"{cell_id}: {said}")
        assert not errors
        assert (
            notebook.page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
        )
        notebook.page.wait_for_timeout(1000)
        for number, cell_id in enumerate(notebook.ids()):
            notebook.shot(cell_id, f"cell_{number:02d}_{cell_id}")
        notebook.save()
        page.bring_to_front()
        points = sum(check.points for check in build.checks_of(source).values())
        module = page.locator(f"[data-module={MODULE}]")
        expect(module).to_contain_text(f"{points:g} of {points:g} points", timeout=WAIT)
        page.screenshot(path=SHOTS / "home_done.png", full_page=True)
        context.close()
    deadline = time.monotonic() + 10
    while not notebook_file.with_name("activity.keras").exists():
        assert time.monotonic() < deadline, "The module left no model behind."
        time.sleep(0.2)
