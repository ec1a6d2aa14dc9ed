"""The home page and the lab extension in a real JupyterLab and a real browser."""

import contextlib
import re
import shutil
from pathlib import Path

import pytest

from course import home, syllabus, workspace

LABEXTENSION = syllabus.root() / "course" / "home" / "labextension"
CELLS = {
    "record": "from course import workspace\nworkspace.record_attempt('rules', 'speed', 2, 3)",
    "task-quiz": "# Write a letter.\nrecord = None  # a, b or c\nother = None",
    "show": "'the widget'",
}
WAIT = 30_000  # milliseconds; the machine may be busy

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def start(tmp_path_factory, write_module, code, running):
    """Starts JupyterLab with our two extensions, always on the same workspace."""
    place = tmp_path_factory.mktemp("lab")
    checks = [{"name": "speed", "points": 3, "title": "By speed"}]
    cells = [code(source, identity) for identity, source in CELLS.items()]
    write_module(place / "checkout", "01_rules", *cells, title="Rules or learning?", checks=checks)
    shutil.copytree(LABEXTENSION, place / "data" / "labextensions" / "on-device")

    def start(port=None):
        return running(
            place,
            "--expose-app-in-browser",
            root=place / "checkout",
            server_root=place / "home",
            workspace=place / "home",
            app="lab",
            base="/behind/a-prefix/",
            port=port,
        )

    (place / "home").mkdir()
    start.place = place
    return start


@pytest.fixture(scope="module")
def lab(start):
    with start() as server:
        yield server


@pytest.fixture
def desk(start):
    """The workspace, laid down afresh."""
    desk = start.place / "home"
    for entry in desk.iterdir():
        shutil.rmtree(entry)
    workspace.prepare(desk, root=start.place / "checkout")
    return desk


@pytest.fixture
def page(chromium, lab):
    """A tab that is signed in."""
    with contextlib.closing(chromium.new_context()) as context:
        page = context.new_page()
        page.goto(lab.url(f"course?token={lab.token}"))
        yield page


def opened(page, path):
    """Open a notebook, with its kernel ready."""
    page.goto(path)
    ready(page)
    return page


def ready(page):
    page.wait_for_function(
        """count => {
            const panel = window.jupyterapp?.shell.currentWidget;
            return panel?.content?.widgets?.length === count
                && panel.sessionContext.session?.kernel?.status === 'idle';
        }""",
        arg=len(CELLS),
        timeout=WAIT,
    )


def run(page, index):
    ran = page.evaluate(
        """async index => {
            const notebook = jupyterapp.shell.currentWidget.content;
            notebook.activeCellIndex = index;
            notebook.deselectAll();
            return await Promise.race([
                jupyterapp.commands.execute('notebook:run-cell'),
                new Promise(resolve => setTimeout(resolve, 30_000, 'still running')),
            ]);
        }""",
        index,
    )
    assert ran is True


def choose(page, **detail):
    """Send the event of the quiz from the output of the last cell, and return the task's source."""
    return page.evaluate(
        """detail => {
            const notebook = jupyterapp.shell.currentWidget.content;
            notebook.widgets[2].node.querySelector('.jp-OutputArea-output').dispatchEvent(
                new CustomEvent('on-device:choice', {bubbles: true, detail}));
            return notebook.model.cells.get(1).sharedModel.getSource();
        }""",
        detail,
    )


def test_the_page_follows_the_work_in_another_tab_without_reloading(page, desk):
    from playwright.sync_api import expect

    expect(page.get_by_role("progressbar", name="Points of module 1")).to_have_js_property(
        "value", 0
    )
    page.evaluate("() => { window.mark = 'the same page'; }")
    with page.context.expect_page() as tab:
        page.get_by_role("link", name="Next: 1. Rules or learning?").click()
    ready(tab.value)
    run(tab.value, 0)
    page.bring_to_front()
    expect(page.get_by_text("2 of 3 points").first).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("link", name="Continue: 1. Rules or learning?")).to_be_visible()
    expect(page.get_by_role("progressbar", name="Points of module 1")).to_have_js_property(
        "value", 2
    )
    assert page.evaluate("() => window.mark") == "the same page"

    tab.value.bring_to_front()
    before = len(page.context.pages)
    with page.expect_navigation(timeout=WAIT):
        tab.value.get_by_role("link", name="Course home").click()
    assert page.evaluate("() => window.mark") is None
    assert len(page.context.pages) == before


def test_a_notebook_that_was_run_and_saved_is_renewed_by_an_upgrade(page, lab, desk, start):
    opened(page, lab.url("lab/tree/01_rules/rules.ipynb?reset"))
    run(page, 2)
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    assert "the widget" in (desk / "01_rules" / "rules.ipynb").read_text()
    source = start.place / "checkout" / "modules" / "01_rules" / "rules.ipynb"
    old = source.read_text()
    source.write_text(old.replace("Write a letter", "Write one letter"))
    try:
        (change,) = workspace.prepare(desk, root=start.place / "checkout")
    finally:
        source.write_text(old)
    assert change.kind == "renewed"


def test_a_choice_is_written_into_its_cell_and_can_be_undone(page, lab, desk):
    opened(page, lab.url("lab/tree/01_rules/rules.ipynb?reset"))
    run(page, 2)
    chosen = '# Write a letter.\nrecord = "b"  # a, b or c\nother = None'
    assert choose(page, task="quiz", choice="b") == chosen
    assert page.evaluate("() => jupyterapp.shell.currentWidget.context.model.dirty")
    assert choose(page, task="quiz", choice="c") == chosen.replace('"b"', '"c"')
    for _ in range(2):
        page.evaluate(
            """() => {
                const notebook = jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = 1;
                notebook.activeCell.editor.undo();
            }"""
        )
    source = page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource()"
    )
    assert source == CELLS["task-quiz"]


@pytest.mark.parametrize(
    "detail",
    [
        {"task": "quiz", "choice": 'b"; import os'},
        {"task": "quiz", "choice": "B"},
        {"task": "quiz", "choice": ""},
        {"task": "quiz"},
        {"task": "other", "choice": "b"},
        {"choice": "b"},
        {},
    ],
)
def test_anything_but_one_small_letter_for_a_known_task_is_ignored(quiet_lab, detail):
    assert choose(quiet_lab, **detail) == CELLS["task-quiz"]


@pytest.fixture(scope="module")
def quiet_lab(chromium, lab, start):
    """One open notebook for events that must change nothing."""
    workspace.prepare(start.place / "home", root=start.place / "checkout")
    with contextlib.closing(chromium.new_context()) as context:
        page = context.new_page()
        opened(page, lab.url(f"lab/tree/01_rules/rules.ipynb?reset&token={lab.token}"))
        run(page, 2)
        yield page


def test_notebook_7_has_the_way_back_too(page, lab, desk):
    page.goto(lab.url("notebooks/01_rules/rules.ipynb"))
    link = page.get_by_role("link", name="Course home")
    link.wait_for(timeout=WAIT)
    assert link.get_attribute("href") == f"{lab.base}course"


def test_the_page_says_when_the_server_is_gone_and_goes_on_when_it_is_back(chromium, start, desk):
    from playwright.sync_api import expect

    with contextlib.closing(chromium.new_context()) as context:
        page = context.new_page()
        with start() as server:
            port = int(server.origin.rpartition(":")[2])
            page.goto(server.url(f"course?token={server.token}"))
            expect(page.get_by_role("status")).to_be_empty()
        expect(page.get_by_role("status")).to_contain_text("Not connected", timeout=WAIT)
        workspace.Progress(desk).record("rules", "speed", 3, 3)
        with start(port):
            expect(page.get_by_text("all done")).to_be_visible(timeout=WAIT)
            expect(page.get_by_role("status")).to_be_empty()
            expect(page.get_by_role("link", name="Next")).to_have_count(0)


@pytest.mark.parametrize("width", [1280, 900, 390])
def test_nothing_is_cut_off_at_any_width(page, desk, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.reload()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_every_button_can_be_reached_by_keyboard(page, desk):
    page.reload()
    reached = set()
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.innerText.split(/[:(]/)[0].trim()"))
    assert {"Next", "Open in JupyterLab", "Open in Notebook"} <= reached


def luminance(colour):
    """Relative luminance of ``#rrggbb``: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("above", "below", "needed"),
    [
        ("text", "page", 4.5),
        ("text", "card", 4.5),
        ("text", "note", 4.5),
        ("quiet", "page", 4.5),
        ("quiet", "card", 4.5),
        ("accent", "card", 4.5),
        ("on-accent", "accent", 4.5),
        ("edge", "card", 3),
        ("accent", "line", 3),
    ],
)
def test_colours_have_the_contrast_of_wcag_aa(scheme, above, below, needed):
    css = (Path(home.__file__).parent / "static" / "home.css").read_text()
    colours = dict(
        re.findall(r"--([\w-]+): (#\w{6});", css.split("prefers-color-scheme")[scheme == "dark"])
    )
    light, dark = sorted((luminance(colours[above]), luminance(colours[below])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= needed
