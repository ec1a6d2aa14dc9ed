"""The hex view in a real JupyterLab: by keyboard, by pointer, and what the kernel hears of it."""

import contextlib

import pytest

pytestmark = pytest.mark.browser

CELLS = [
    """
from course import widgets
from course.artefacts import REFERENCES
view = widgets.HexView((REFERENCES / "gesture.tflite").read_bytes())
view
""",
    "print(view.at)",
]


def test_every_byte_is_reached_by_keyboard_and_named_aloud(chromium, jupyterlab, open_notebook):
    from playwright.sync_api import expect

    viewport = {"width": 900, "height": 900}
    with (
        jupyterlab(CELLS) as address,
        contextlib.closing(chromium.new_context(viewport=viewport)) as context,
    ):
        notebook = open_notebook(context, address)
        notebook.run(0)
        notebook.wait_for_widgets(1)
        page = notebook.page
        status = page.locator(".on-device-hex-view [role=status]")
        expect(status).to_have_text("Byte 0 is 28: place of the root table (bytes 0 to 3)")

        view = page.locator(".od-bytes")
        view.focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        expect(status).to_have_text("Byte 5 is 70: identifier (bytes 4 to 7)")
        for _ in range(9):
            page.keyboard.press("ArrowDown")
        expect(status).to_contain_text("Byte 149 is")
        expect(view.locator("[data-at='149']").first).to_be_visible()
        page.keyboard.press("End")
        expect(status).to_contain_text("Byte 22,663 is")
        page.keyboard.press("Home")
        expect(status).to_contain_text("Byte 0 is")

        page.get_by_role("button", name="Largest weights").click()
        expect(status).to_contain_text("float32 constants of CONV_2D")
        expect(page.locator(".od-meaning")).to_contain_text("are the number")
        assert int(notebook.run(1)) > 8

        page.get_by_role("button", name="First byte").click()
        view.locator("span.od-byte[data-at='6']").hover()
        expect(status).to_have_text("Byte 6 is 76: identifier (bytes 4 to 7)")
        assert notebook.errors == []
