"""How long commands and the home page take to be there."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

ROUNDS = 5


def command(*arguments):
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def answered(address):
    """Wait for an answer: a server may print its address just before it listens."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return urllib.request.urlopen(address).read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def until_home_page(arguments, pattern):
    """Seconds from the command to the first answer of the address that it prints."""
    with tempfile.TemporaryDirectory() as home:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=home, text=True,
            env=os.environ | {"HOME": home, "COURSE_WORKSPACE": os.path.join(home, "w")},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            for line in process.stderr:
                if found := re.search(pattern, line):
                    answered(found[0])
                    return time.perf_counter() - started
            raise RuntimeError(f"{arguments} ended without printing an address.")
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def measure():
    bare = min(command("-c", "pass") for _ in range(ROUNDS))
    help = min(command("-m", "course", "--help") for _ in range(ROUNDS))
    yield "python -c pass", f"{1000 * bare:.0f} ms"
    yield "course --help", f"{1000 * help:.0f} ms, {help / bare:.1f}× a bare Python"
    plain = until_home_page(
        ["jupyter_server", "--no-browser", "--allow-root", "--port=9402"], r"http://127\.0\.0\.1\S+"
    )
    course = until_home_page(
        ["course", "start", "--no-browser", "--port=9412"], r"http://127\.0\.0\.1\S+"
    )
    yield "plain Jupyter server, to its first page", f"{plain:.1f} s"
    yield "course start, to the home page", f"{course:.1f} s, {course / plain:.2f}× a plain server"
