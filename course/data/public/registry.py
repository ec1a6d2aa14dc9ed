"""The files of the public data sets: where they are, how large, their hash and licence."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_FILE = Path(__file__).parents[1] / "public_data.tsv"
_SUFFIX = re.compile(r"\.(tar\.gz|tgz|zip|mat)$")


@dataclass(frozen=True)
class Source:
    """One file that others host.

    Attributes
    ----------
    name : str
        What the registry calls it.
    url : str
    size : int or None
        Bytes, as far as known; some are rounded.
    hash : str
        SHA-256 in hexadecimal, or another as ``"sha1:…"``: pooch's notation.
    licence : str
    """

    name: str
    url: str
    size: int | None
    hash: str
    licence: str

    @property
    def host(self) -> str:
        """Name of the server."""
        return urlsplit(self.url).hostname or self.url

    @property
    def filename(self) -> str:
        """What the file is called in the cache: its name here and its suffix there."""
        suffix = _SUFFIX.search(urlsplit(self.url).path)
        return self.name + (suffix.group() if suffix else "")


def sources() -> dict[str, Source]:
    """Return every file of the registry by its name."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {
        row["name"]: Source(
            name=row["name"],
            url=row["url"],
            size=int(row["bytes"]) if row["bytes"] else None,
            hash=row["sha256"],
            licence=row["licence"],
        )
        for row in rows
    }


def in_words(size: int | None) -> str:
    """Return a number of bytes the way people say it.

    >>> in_words(112_563_277)
    '113 MB'
    """
    if size is None:
        return "size not stated"
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            number = size / unit
            return f"{number:.1f} {name}" if number < 10 else f"{number:.0f} {name}"
    return f"{size} bytes"
