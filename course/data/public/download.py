"""Downloads that go on where they stopped, on top of pooch's cache and hash checks.

Pooch keeps a file only when its hash is right, but its own downloader begins anew each time.
The one here keeps what has come beside the file, as ``….part``, and asks for the rest.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from course.console import Bar
from course.data.public.errors import FetchError
from course.data.public.registry import Source, in_words

# Seconds to connect, and to wait for the next bytes.
_PATIENCE_S = (10, 30)
# How often a connection may break in a row without bringing a byte, and the pause in between.
_RETRIES = 3
_PAUSE_S = 1.0
_CHUNK = 1 << 16
# A file whose size nobody wrote down: a hundred times what the smaller sets have.
_MOST_BYTES = 1_000_000_000
# Where no bar can be drawn, such as in a notebook, a line now and then.
_SECONDS_PER_LINE = 30


class Unreachable(Exception):
    """No byte came: there is no network, or no such server."""


class _Broken(Exception):
    """The connection ended before the file did."""


def fetch(source: Source, folder: Path) -> Path:
    """Return the file from the cache, downloading it first where needed.

    Parameters
    ----------
    source : Source
    folder : Path
        Cache; made where it does not exist.

    Raises
    ------
    Unreachable
        If the server does not answer at all.
    FetchError
        If it refuses, the connection breaks, the disk is full or the hash is wrong.
    """
    # Pooch brings requests, which takes a moment to import.
    import pooch

    target = folder / source.filename
    try:
        with _quiet(pooch.get_logger()):
            kept = pooch.retrieve(
                url=source.url,
                known_hash=source.hash,
                fname=source.filename,
                path=folder,
                downloader=_Resuming(source, target),
            )
    except OSError as error:
        raise FetchError(_about_disk(error, source, folder)) from None
    return Path(kept)


class _Resuming:
    """A downloader as pooch calls it: with a URL and the path of a temporary file."""

    def __init__(self, source: Source, target: Path) -> None:
        self._source, self._target = source, target
        self._part = target.with_name(target.name + ".part")

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        if self._target.exists():
            # Pooch found that its hash is wrong; the next line would overwrite it.
            aside = _set_aside(self._target)
            print(
                f"The copy of {self._source.filename} in the cache is damaged; "
                f"it was moved to {aside}."
            )
        resumed = _size(self._part) > 0
        self._download(url)
        if resumed and not self._is_right():
            # The beginning may be that of another file; from scratch, once.
            self._part.unlink()
            self._download(url)
        if not self._is_right():
            raise FetchError(self._about_hash())
        os.replace(self._part, output_file)

    def _download(self, url: str) -> None:
        before = _size(self._part)
        failures = 0
        while True:
            had = _size(self._part)
            try:
                self._go_on(url)
                return
            except (_Broken, Unreachable) as error:
                now = _size(self._part)
                if isinstance(error, Unreachable) and now == before:
                    raise
                failures = 0 if now > had else failures + 1
                if failures >= _RETRIES:
                    raise FetchError(
                        f"The connection to {self._source.host} broke after {in_words(now)} of "
                        f"{self._source.filename}; they are kept, and the next attempt goes on "
                        "from there."
                    ) from None
                time.sleep(_PAUSE_S)

    def _go_on(self, url: str) -> None:
        """Ask for what is missing and append it to the part."""
        import requests
        from urllib3.exceptions import HTTPError

        start = _size(self._part)
        # Compressed again on its way, a file could not be continued byte by byte.
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            with requests.get(url, headers=headers, stream=True, timeout=_PATIENCE_S) as response:
                status = response.status_code
                if status == 416 and start:
                    # Nothing is left to send, unless the part is longer than the file.
                    if _total(response) == start:
                        return
                    self._part.unlink()
                    raise _Broken
                if status not in (200, 206):
                    raise FetchError(self._about_status(status))
                if status == 206 and _first(response) != start:
                    # Not the bytes that were asked for: they would be put in the wrong place.
                    self._part.unlink(missing_ok=True)
                    raise _Broken
                if status == 200:
                    start = 0
                self._append(response, start)
        except requests.exceptions.SSLError:
            raise FetchError(
                f"{self._source.host} could not prove that it is {self._source.host}; the clock "
                "of this computer may be wrong, or somebody may read along on this network."
            ) from None
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout):
            raise Unreachable from None
        except (requests.exceptions.RequestException, HTTPError):
            raise _Broken from None

    def _append(self, response: Any, start: int) -> None:
        total = _total(response)
        size = total or self._source.size
        most = 2 * self._source.size if self._source.size else _MOST_BYTES
        if size and size > most:
            raise FetchError(self._about_size(size))
        _need_room(self._source, self._part.parent, (size or 0) - start)
        # Unbuffered: what has come is on disk whenever and however this ends.
        with open(self._part, "r+b" if start else "wb", buffering=0) as part:
            part.seek(start)
            with _Progress(self._source, size, start) as progress:
                for chunk in response.raw.stream(_CHUNK, decode_content=False):
                    if os.fstat(part.fileno()).st_size != start:
                        raise FetchError(
                            f"Another program is fetching {self._source.filename} too; "
                            "wait until it is done, then run this again."
                        )
                    _write(part, chunk)
                    start += len(chunk)
                    if start > most:
                        raise FetchError(self._about_size(start))
                    progress.advance(len(chunk))
        if total is not None and start < total:
            raise _Broken

    def _is_right(self) -> bool:
        import pooch

        algorithm, _, known = self._source.hash.rpartition(":")
        return pooch.file_hash(str(self._part), alg=algorithm or "sha256") == known.lower()

    def _about_hash(self) -> str:
        with open(self._part, "rb") as file:
            beginning = file.read(512).lstrip()
        aside = _set_aside(self._part, self._target)
        page = ""
        if beginning.startswith(b"<"):
            page = " It looks like a web page: some networks answer with one to log in on."
        return (
            f"What {self._source.host} sent for {self._source.filename} does not have the hash "
            f"that the course knows, so it is not used; it was moved to {aside}.{page}"
        )

    def _about_status(self, status: int) -> str:
        name, host = self._source.filename, self._source.host
        if status in (404, 410):
            return f"{host} has no {name} any more (it answered {status})."
        if status in (401, 403):
            return f"{host} does not give {name} to this computer (it answered {status})."
        return f"{host} cannot send {name} now (it answered {status}); try again later."

    def _about_size(self, size: int) -> str:
        return (
            f"{self._source.host} sends {in_words(size)} and more for {self._source.filename}, "
            f"which should have {in_words(self._source.size)}; the download was stopped."
        )


class _Progress:
    """A bar in a terminal; elsewhere a line every half minute."""

    _PART = 1_000_000

    def __init__(self, source: Source, size: int | None, done: int) -> None:
        self._source, self._size, self._done = source, size, done
        left = -(-((size or 0) - done) // self._PART)
        self._bar = Bar(f"Fetching {source.name}, MB", max(left, 0))
        self._uncounted = 0

    def __enter__(self) -> _Progress:
        self._bar.__enter__()
        self._begun = self._said = time.monotonic()
        self._came = 0
        return self

    def advance(self, count: int) -> None:
        """So many bytes more have come."""
        self._came += count
        self._uncounted += count
        while self._uncounted >= self._PART:
            self._uncounted -= self._PART
            self._bar.advance()
        now = time.monotonic()
        if now - self._said >= _SECONDS_PER_LINE:
            self._said = now
            self._say(now - self._begun)

    def _say(self, seconds: float) -> None:
        done = self._done + self._came
        if self._size:
            left = (self._size - done) * seconds / self._came
            print(
                f"{in_words(done)} of {in_words(self._size)}, about {left / 60:.0f} minutes left."
            )
        else:
            print(f"{in_words(done)} so far.")

    def __exit__(self, *problem: object) -> None:
        if self._uncounted and not any(problem):
            self._bar.advance()
        self._bar.__exit__(*problem)


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep pooch from telling on standard error what is told here in the house's words."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _write(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _set_aside(path: Path, target: Path | None = None) -> Path:
    """Move a file that must not be used out of the way; one such is kept."""
    target = target or path
    aside = target.with_name(target.name + ".damaged")
    os.replace(path, aside)
    return aside


def _total(response: Any) -> int | None:
    """How long the whole file is, as far as the server says."""
    ranged = response.headers.get("Content-Range", "").rpartition("/")[2]
    length = response.headers.get("Content-Length", "")
    if response.status_code in (206, 416):
        return int(ranged) if ranged.isdecimal() else None
    return int(length) if length.isdecimal() else None


def _first(response: Any) -> int | None:
    """Where a part that the server sends begins."""
    unit, _, rest = response.headers.get("Content-Range", "").strip().partition(" ")
    first = rest.partition("-")[0]
    return int(first) if unit.lower() == "bytes" and first.isdecimal() else None


def _need_room(source: Source, folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _about_disk(error: OSError, source: Source, folder: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"There is not enough room for {source.filename} ({in_words(source.size)}) in "
            f"{folder}: make room, or let COURSE_DATA name a folder on another disk. What has "
            "come is kept."
        )
    return (
        f"{source.filename} cannot be kept in {folder} ({error.strerror or error}): "
        "let COURSE_DATA name a folder that you may write to."
    )
