"""A small course, and a real server for it in a process of its own."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from course import syllabus

TOKEN = "a-token-for-tests"

# The course of a test lies in a temporary folder, so the process is told where.
LAUNCH = """
import sys
from pathlib import Path
from course import syllabus
syllabus._ROOT = Path(sys.argv.pop(1))
if sys.argv.pop(1) == "lab":
    from jupyterlab.labapp import main
else:
    from jupyter_server.serverapp import main
main()
"""


@pytest.fixture(scope="session")
def code():
    """Makes a code cell."""
    return _code


@pytest.fixture(scope="session")
def write_module():
    """Writes the built notebook of a module."""
    return _write_module


@pytest.fixture(scope="session")
def running():
    """Runs a server."""
    return _running


def _code(source, identity):
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": identity,
        "metadata": {},
        "outputs": [],
        "source": source.splitlines(keepends=True),
    }


def _write_module(root, folder, *cells, **facts):
    slug = folder[3:]
    facts = {"title": slug.title(), "slug": slug, "minutes": 40, "checks": [], **facts}
    place = root / "modules" / folder
    place.mkdir(parents=True, exist_ok=True)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {
        "cells": list(cells),
        "metadata": {"course": facts, "kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (place / f"{slug}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


class Server:
    """A running server; paths are given below its base address."""

    def __init__(self, origin, base):
        self.origin, self.base = origin, base
        self.token = TOKEN

    def url(self, path):
        return f"{self.origin}{self.base}{path}"

    def get(self, path, *, token=TOKEN):
        """Return status, headers and text, following no redirect."""
        request = urllib.request.Request(self.url(path))
        if token:
            request.add_header("Authorization", f"token {token}")
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=30) as reply:
                return reply.status, reply.headers, reply.read().decode()
        except urllib.error.HTTPError as reply:
            return reply.code, reply.headers, reply.read().decode()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


@contextlib.contextmanager
def _running(folder, *options, root, server_root, workspace, app="server", base="/", port=None):
    """Run a server with the course of `root`, apart from the settings of this machine."""
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    environment = os.environ | {
        "COURSE_WORKSPACE": str(workspace),
        "HOME": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_NO_CONFIG": "1",
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": str(syllabus.root()),
    }
    arguments = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={server_root}",
        f"--ServerApp.base_url={base}",
        f"--IdentityProvider.token={TOKEN}",
        "--ServerApp.jpserver_extensions={'course.home': True, 'notebook': True}",
        *options,
    ]
    log = folder / "server.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(root), app, *arguments],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    server = Server(f"http://127.0.0.1:{port}", base)
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                if server.get("api/status")[0] == 200:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The server did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)
