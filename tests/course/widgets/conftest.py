"""A real JupyterLab for tests of widgets, apart from the settings of this machine."""

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

WAIT = 60_000  # milliseconds; the machine may be busy
TOKEN = "a-token-for-tests"


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory):
    """Start a JupyterLab on a notebook with these cells; yields a context manager's address."""

    @contextlib.contextmanager
    def start(sources):
        folder = tmp_path_factory.mktemp("lab")
        cells = [
            {"cell_type": "code", "id": f"c{i}", "metadata": {}, "outputs": [],
             "execution_count": None, "source": source.strip()}
            for i, source in enumerate(sources)
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

    return start


class Notebook:
    """The notebook in a tab of a browser."""

    def __init__(self, page, address):
        self.page = page
        self.errors = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=WAIT)
        page.wait_for_function(
            "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
            timeout=WAIT,
        )

    def run(self, index):
        """Run a cell and return the text that it printed."""
        ran, outputs = self.page.evaluate(
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

    def wait_for_widgets(self, count):
        self.page.wait_for_function(
            f"document.querySelectorAll('.on-device').length >= {count}", timeout=WAIT
        )


@pytest.fixture(scope="session")
def open_notebook():
    """Open a notebook in a new tab of a browser context."""
    return lambda context, address: Notebook(context.new_page(), address)
