"""What tests of several parts share: a real browser."""

import os
import shutil

import pytest

# As root and without a network Chromium needs the first two; the rest keeps it from calling home.
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium; skipped with a reason where there is none, required in CI on Linux."""
    api = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        if os.environ.get("CI") and os.name == "posix" and os.uname().sysname == "Linux":
            pytest.fail("CI needs Chromium; .ci/run installs it.")
        pytest.skip("There is no Chromium on this computer.")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()
