"""Zip and tar archives, read in memory and never unpacked: nothing in them can reach the disk.

What an archive says of itself is not believed: the number of its members, their sizes and all
that is decompressed have limits, names that point outside are refused, and links and devices
are passed over.
"""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from course.data.public.errors import ArchiveError

# Visual Wake Words has 109,619 pictures and Speech Commands 105,829 clips of 32 kB, 3.4 GB.
# The largest member of all sets is the table of features in UCI HAR, 66 MB.
_MOST_MEMBERS = 250_000
_MOST_BYTES = 8_000_000_000
_MOST_MEMBER_BYTES = 128_000_000
_CHUNK = 1 << 16

# What the standard library raises at damaged archives; ValueError and RuntimeError among them.
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    OverflowError,
    LookupError,
    struct.error,
)


@contextmanager
def opened(source: Path | bytes, name: str | None = None) -> Iterator[Archive]:
    """Open a zip or gzipped tar archive, whichever it is.

    Parameters
    ----------
    source : Path or bytes
        The file, or the content of an archive within another.
    name : str, optional
        What messages call it; by default the file's name.

    Raises
    ------
    ArchiveError
        If it is neither, damaged, too large, or holds a name that points outside of it.
    """
    name = name or (source.name if isinstance(source, Path) else "archive")
    with _raw(source) as file:
        with calm(name):
            kind = _KINDS.get(file.read(2))
            file.seek(0)
            archive = kind(file, name) if kind else None
        if archive is None:
            raise ArchiveError(f"{name} is neither a zip nor a gzipped tar archive.")
        yield archive


@contextmanager
def calm(what: str) -> Iterator[None]:
    """Say of whatever goes wrong inside that `what` is damaged, in one sentence."""
    try:
        yield
    except _DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise ArchiveError(_printable(f"{what} is cut short or damaged ({reason}).")) from None


class Archive:
    """Members of an archive.

    Attributes
    ----------
    name : str
    names : tuple of str
        Its regular files in the order in which they are stored, without a leading ``./`` and
        without the notes that macOS leaves in archives.
    """

    def __init__(self, name: str, sizes: dict[str, int]) -> None:
        self.name = name
        self.names = tuple(sizes)
        self._sizes = sizes

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield these members and their content, in the order in which they are stored.

        Raises
        ------
        ArchiveError
            If one is missing or damaged.
        """
        wanted = set(names)
        missing = sorted(wanted - self._sizes.keys())
        if missing:
            raise ArchiveError(f"{self.name} has no member {missing[0]}.")
        for name in self.names:
            if name in wanted:
                with calm(f"{name} in {self.name}"):
                    content = self._content(name)
                    if len(content) != self._sizes[name]:
                        raise EOFError(f"{len(content)} of {self._sizes[name]} bytes")
                yield name, content

    def only(self, name: str) -> bytes:
        """Return the content of one member."""
        return next(self.read([name]))[1]

    def _content(self, name: str) -> bytes:
        raise NotImplementedError


class _Zip(Archive):
    def __init__(self, file: BinaryIO, name: str) -> None:
        self._zip = zipfile.ZipFile(file)
        self._members: dict[str, zipfile.ZipInfo] = {}
        tally = _Tally(name)
        for info in self._zip.infolist():
            path = tally.admit(info.filename, info.file_size)
            mode = info.external_attr >> 16
            # Archives made on Windows have no mode at all.
            regular = not info.is_dir() and stat.S_IFMT(mode) in (0, stat.S_IFREG)
            if regular and path:
                self._members[path] = info
        super().__init__(name, {path: info.file_size for path, info in self._members.items()})

    def _content(self, name: str) -> bytes:
        with self._zip.open(self._members[name]) as member:
            return member.read(_MOST_MEMBER_BYTES + 1)


class _Tar(Archive):
    def __init__(self, file: BinaryIO, name: str) -> None:
        self._members: dict[str, tarfile.TarInfo] = {}
        tally = _Tally(name)
        last = ""
        stream = _Metered(gzip.GzipFile(fileobj=file))
        try:
            self._tar = tarfile.TarFile(fileobj=stream)
            while (info := self._tar.next()) is not None:
                path = tally.admit(info.name, info.size)
                if info.isreg() and not info.issparse() and path:
                    self._members[path] = info
                last = path or last
            # The check sum of it all stands behind the last member.
            while stream.read(_CHUNK):
                if stream.tell() > _MOST_BYTES:
                    raise EOFError("it does not end")
        except _DAMAGE as error:
            where = f" in or after {last}" if last else ""
            told = f"{name} is cut short or damaged{where} ({error})."
            raise ArchiveError(_printable(told)) from None
        super().__init__(name, {path: info.size for path, info in self._members.items()})

    def _content(self, name: str) -> bytes:
        member = self._tar.extractfile(self._members[name])
        if member is None:
            raise EOFError
        with member:
            return member.read()


# By how they begin.
_KINDS = {b"PK": _Zip, b"\x1f\x8b": _Tar}


class _Tally:
    """Counts members and bytes of an archive, and looks at names."""

    def __init__(self, archive: str) -> None:
        self._archive, self._members, self._bytes = archive, 0, 0

    def admit(self, name: str, size: int) -> str:
        """Return the member's path within the archive, or "" if it is of no use.

        Raises
        ------
        ArchiveError
            If it points outside, or the archive is larger than any of ours.
        """
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0]:
            raise ArchiveError(
                f"The member {_shown(name)} of {self._archive} points outside of the archive, "
                "so nothing of it is read."
            )
        self._members += 1
        self._bytes += max(size, 0)
        if self._members > _MOST_MEMBERS:
            raise ArchiveError(
                f"{self._archive} has more than {_MOST_MEMBERS:,} members, "
                "so nothing of it is read."
            )
        if not 0 <= size <= _MOST_MEMBER_BYTES or self._bytes > _MOST_BYTES:
            raise ArchiveError(
                f"The member {_shown(name)} of {self._archive} would take {size:,} bytes: more "
                "than any of this data set should, so nothing of it is read."
            )
        if "__MACOSX" in path.parts or path.name.startswith("._"):
            return ""
        return str(path) if path.parts else ""


class _Metered(io.RawIOBase):
    """What a decompressor gives, with an end to how much at once and in all."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        # Headers may announce any size, and tarfile asks for as much at once.
        if size < 0 or size > _MOST_MEMBER_BYTES:
            raise EOFError("a member larger than the file")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or not 0 <= offset <= _MOST_BYTES:
            raise EOFError("a member larger than the file")
        return self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()


@contextmanager
def _raw(source: Path | bytes) -> Iterator[BinaryIO]:
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
        yield file


def _printable(text: str) -> str:
    """One line, whatever names and reasons hold."""
    return "".join(sign if sign.isprintable() else "�" for sign in " ".join(text.split()))


def _shown(name: str) -> str:
    """A name from a file that nobody vouches for, fit for a message."""
    text = ascii(name)[1:-1]
    return text if len(text) <= 80 else f"{text[:77]}…"
