"""The grader's secret: the seed that hidden inputs are drawn from."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path


def default_path() -> Path:
    """Where the seed lies: ``$COURSE_GRADER_SEED_FILE``, else below the home folder."""
    named = os.environ.get("COURSE_GRADER_SEED_FILE")
    return Path(named) if named else Path.home() / ".config" / "on-device" / "grader_seed"


def secret_seed(path: Path | None = None) -> int:
    """The grader's own seed, made once: a regrade of the same notebook draws the same inputs.

    Parameters
    ----------
    path : the file that holds it as a decimal number; `default_path` when omitted. Where there is
        none yet it is made, for its owner's eyes alone.

    Returns
    -------
    int
        From 0 to 2**63 - 1.

    Raises
    ------
    ValueError
        When the file holds no such number, or when everybody on this machine can read it.
    """
    path = default_path() if path is None else path
    if not path.exists():
        _make(path)
    if os.name == "posix" and path.stat().st_mode & 0o007:
        raise ValueError(
            f"Every user of this machine can read the grader's seed {path}. Run `chmod 600 {path}`;"
            " where learners use this machine, delete it instead, and a new one is made."
        )
    text = path.read_text("ascii", errors="replace").strip()
    # int() would take a sign, an underscore and other scripts' digits, too.
    if not (text.isascii() and text.isdecimal() and int(text[:40]) < 1 << 63 and len(text) < 40):
        raise ValueError(f"{path} holds no seed. Delete it, and a new one is made.")
    return int(text)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Of two graders that start at once the first one's link wins, and nobody reads half a number.
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(f"{secrets.randbits(63)}\n")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)
