"""``course start``: prepare the learner's workspace and open Jupyter on the course home."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from course import workspace as workspaces

#: How many ports to try from the one that was asked for.
_PORTS = 50


def start(*, workspace: Path | None = None, port: int = 8888, browser: bool = True) -> int:
    """Run a Jupyter server on the workspace until it is stopped; returns its exit code.

    Parameters
    ----------
    workspace : the learner's folder; ``$COURSE_WORKSPACE`` or ``~/on-device`` when omitted.
    port : first port to try on the loopback interface.
    browser : open the home page; otherwise only print its address.

    Raises
    ------
    OSError, ValueError
        When no port is free or the workspace cannot be written; the message says what to do.
    """
    folder = (workspace or workspaces.default_path()).expanduser().absolute()
    try:
        changes = workspaces.prepare(folder)
    except workspaces.WorkspaceError as error:
        raise OSError(str(error)) from error
    print(f"Your notebooks are in {folder}")
    for change in changes:
        print(f"  {change.sentence}")
    command = [
        sys.executable, "-P", "-m", "jupyter_server",
        f"--ServerApp.root_dir={folder}",
        f"--ServerApp.port={free_port(port)}",
        f"--ServerApp.open_browser={browser}",
        f"--config={Path(__file__).with_name('home') / 'server_config.py'}",
    ]  # fmt: skip
    environment = os.environ | {"COURSE_WORKSPACE": str(folder)}
    process = subprocess.Popen(command, env=environment, cwd=folder)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # Jupyter received the same Ctrl-C and asks whether to stop; it is its to answer.
            continue


def free_port(first: int) -> int:
    """The first free port from ``first`` on, on the loopback interface.

    Raises
    ------
    ValueError
        When there is no port of that number.
    OSError
        When 50 ports in a row are taken.
    """
    if not 0 <= first < 65536:
        raise ValueError(f"There is no port {first}; choose one from 1024 to 65535 with --port.")
    last = min(first + _PORTS, 65536) - 1
    for port in range(first, last + 1):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(
        f"Ports {first} to {last} are all in use or reserved. "
        "Close other Jupyter servers, or choose another range with --port."
    )
