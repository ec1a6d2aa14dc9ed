"""Data sets that others recorded and host: fetched once, checked by hash, parsed into Dataset.

Nothing here is needed to take the course: each set has a generated stand-in that works without
a network. The registry, ``public_data.tsv``, holds address, size, hash and licence of each file.

>>> from course.data import public
>>> "uci_har" in public.names()
True
>>> print(public.describe("uci_har"))  # doctest: +ELLIPSIS
uci_har: 61 MB from archive.ics.uci.edu, licence: CC BY 4.0.
Thirty people with a phone at the waist walk, climb, sit, stand and lie.
...
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from course.data.dataset import Dataset, whole_number
from course.data.public import bearing, download, har, images, registry, speech, wand
from course.data.public.errors import ArchiveError, FetchError, OfflineError, PublicDataError
from course.data.public.registry import Source, in_words

__all__ = [
    "ArchiveError",
    "Description",
    "FetchError",
    "OfflineError",
    "PublicDataError",
    "describe",
    "fetch",
    "load",
    "names",
]

_VARIABLE = "COURSE_DATA"
# What pooch calls our folder among the caches of this user.
_CACHE = "on-device"
# Bytes; the smaller sets are read within seconds.
_LARGE = 150_000_000


@dataclass(frozen=True)
class _Set:
    """A data set: its files in the registry, its reader, and what stands in for it."""

    about: str
    files: tuple[str, ...]
    stand_in: str
    reader: Callable[..., Dataset]


@dataclass(frozen=True, repr=False)
class Description:
    """What a data set is, where it comes from and whether it is here already.

    Attributes
    ----------
    name, about : str
    size : int or None
        Bytes to download, as far as known.
    licence : str
    host : str
        Server.
    files : tuple of Path
        Where its files are kept, whether or not they are there yet.
    urls : tuple of str
        Address of each file: one fetched by other means can be put in its place.
    cached : bool
        Whether all files are there.
    stand_in : str
        Name for :func:`course.data.load`.
    """

    name: str
    about: str
    size: int | None
    licence: str
    host: str
    files: tuple[Path, ...]
    urls: tuple[str, ...]
    cached: bool
    stand_in: str

    def __str__(self) -> str:
        where = "Kept" if self.cached else "Not fetched yet; will be kept"
        return (
            f"{self.name}: {in_words(self.size)} from {self.host}, licence: {self.licence}.\n"
            f"{self.about}\n"
            f"{where} as {', '.join(str(file) for file in self.files)}.\n"
            f"Without a network: course.data.load({self.stand_in!r})."
        )

    __repr__ = __str__


def names() -> tuple[str, ...]:
    """Names of the public data sets.

    Examples
    --------
    >>> "speech_commands" in names()
    True
    """
    return tuple(_SETS)


def describe(name: str) -> Description:
    """Say what a data set is, how large, under which licence, and where it is kept.

    Raises
    ------
    ValueError
        If there is no such data set.
    """
    chosen, sources = _lookup(name)
    files = tuple(_folder(name) / source.filename for source in sources)
    sizes = [source.size for source in sources]
    return Description(
        name=name,
        about=chosen.about,
        size=None if None in sizes else sum(sizes),
        licence=sources[0].licence,
        host=sources[0].host,
        files=files,
        urls=tuple(source.url for source in sources),
        cached=all(file.is_file() for file in files),
        stand_in=chosen.stand_in,
    )


def fetch(name: str) -> Path:
    """Download a data set, unless it is in the cache, and check its hash.

    The cache is ``$COURSE_DATA``, or pooch's folder for this user. A download that was stopped,
    by whatever means, goes on from there the next time.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Returns
    -------
    Path
        The file; of a data set of several files, the folder that holds them.

    Raises
    ------
    OfflineError
        If the server is out of reach; the message names a data set that needs no network.
    FetchError
        If the server refuses, the disk is full, or what came has the wrong hash.
    ValueError
        If there is no such data set.
    """
    chosen, sources = _lookup(name)
    folder = _folder(name)
    missing = [source for source in sources if not (folder / source.filename).exists()]
    if missing:
        sizes = [source.size for source in missing]
        print(
            f"Fetching {name} ({in_words(None if None in sizes else sum(sizes))}, licence: "
            f"{missing[0].licence}) from {missing[0].host}; it is kept in {folder}."
        )
    for source in sources:
        try:
            download.fetch(source, folder)
        except download.Unreachable:
            raise OfflineError(
                f"{name} cannot be fetched: {source.host} is out of reach from here. "
                f"course.data.load({chosen.stand_in!r}) stands in for it without a network."
            ) from None
    return folder / sources[0].filename if len(sources) == 1 else folder


def load(name: str, *, limit: int | None = None, seed: int = 0, **options: Any) -> Dataset:
    """Fetch a data set where needed and read it.

    Parameters
    ----------
    name : str
        One of :func:`names`.
    limit : int, optional
        At most so many examples, the same number of each label as far as they go. All of
        ``visual_wake_words_96`` take 3 GB of memory.
    seed : int
        Decides which, where not all are taken.
    **options
        ``uci_har``: `signal` ("total" or "body"), `part` ("train" or "test").
        ``speech_commands``: `words` (by default "yes" and "no" beside unknown and silence; None
        for all 35), `part` ("train", "validation" or "test"). ``speech_commands_test``: `words`.
        Pictures: `size` (rows and columns). ``cwru_bearing``: `window` (readings).

    Returns
    -------
    Dataset
        Its groups are people wherever the data set tells them apart.

    Raises
    ------
    OfflineError
        If it is not here and the server is out of reach.
    PublicDataError
        If it cannot be fetched, or a file is damaged; the message names the member.
    ValueError
        If there is no such data set or option.
    """
    chosen, sources = _lookup(name)
    if limit is not None:
        whole_number("limit", limit, 1)
    whole_number("seed", seed, 0)
    known = _options(chosen.reader)
    for option in options:
        if option not in known:
            raise ValueError(
                f"The data set {name} has no option {option!r}; "
                f"its options are {', '.join(['limit', *known])}."
            )
    path = fetch(name)
    if sum(file.stat().st_size for file in describe(name).files) > _LARGE:
        print(f"Reading {name} takes a minute or two: it is unpacked each time.")
    where = path if len(sources) == 1 else tuple(path / source.filename for source in sources)
    return chosen.reader(
        where,
        name=f"public/{name}",
        licence=sources[0].licence,
        limit=limit,
        seed=seed,
        **options,
    )


def _lookup(name: str) -> tuple[_Set, list[Source]]:
    if name not in _SETS:
        raise ValueError(f"There is no public data set {name!r}; there are {', '.join(_SETS)}.")
    sources = registry.sources()
    return _SETS[name], [sources[file] for file in _SETS[name].files]


def _folder(name: str) -> Path:
    chosen = os.environ.get(_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute() / name
    import pooch

    return Path(pooch.os_cache(_CACHE)) / name


def _options(reader: Callable[..., Dataset]) -> list[str]:
    """What a learner may choose: keywords of the reader that are not filled in already."""
    filled = set(reader.keywords) if isinstance(reader, partial) else set()
    ours = {"path", "paths", "name", "licence", "limit", "seed"}
    return [key for key in inspect.signature(reader).parameters if key not in ours | filled]


def _hand(filename: str) -> str:
    """Whose hand it is: ``rock05ck01-039.png`` and ``paper05-114.png`` show hand 05."""
    match = re.search(r"\d\d", filename)
    return match.group() if match else filename


def _itself(filename: str) -> str:
    return filename


_HANDS = partial(
    images.read,
    labels={"rock": "rock", "paper": "paper", "scissors": "scissors"},
    group=_hand,
    description="Rendered hands before white: rock, paper and scissors (Moroney, 2019).",
)

_SETS = {
    "speech_commands": _Set(
        about="105,829 clips of one second: 35 words from 2,618 speakers.",
        files=("speech_commands_v0.02",),
        stand_in="keywords",
        reader=speech.read,
    ),
    "speech_commands_test": _Set(
        about="The authors' own test set: 4,890 clips of ten words, unknown words and silence.",
        files=("speech_commands_test_v0.02",),
        stand_in="keywords",
        reader=partial(speech.read, part=None),
    ),
    "uci_har": _Set(
        about="Thirty people with a phone at the waist walk, climb, sit, stand and lie.",
        files=("uci_har",),
        stand_in="activity",
        reader=har.read,
    ),
    "rock_paper_scissors": _Set(
        about="2,520 rendered pictures of hands for training.",
        files=("rock_paper_scissors_train",),
        stand_in="hands",
        reader=_HANDS,
    ),
    "rock_paper_scissors_test": _Set(
        about="372 rendered pictures of hands for testing.",
        files=("rock_paper_scissors_test",),
        stand_in="hands",
        reader=_HANDS,
    ),
    "visual_wake_words_96": _Set(
        about="109,619 photographs with and without a person, 96 × 96 pixels.",
        files=("visual_wake_words_96",),
        stand_in="people",
        reader=partial(
            images.read,
            labels={"non_person": "no person", "person": "person"},
            group=_itself,
            description="Photographs with and without a person (COCO 2014, 96 × 96 pixels).",
        ),
    ),
    "flower_photos": _Set(
        about="3,670 photographs of five kinds of flowers.",
        files=("flower_photos",),
        stand_in="digits",
        reader=partial(
            images.read,
            labels={kind: kind for kind in ("daisy", "dandelion", "roses", "sunflowers", "tulips")},
            group=_itself,
            description="Photographs of flowers (The TensorFlow Team, 2019).",
        ),
    ),
    "magic_wand": _Set(
        about="Gestures of nine people with a wand: wing, ring and slope, and other movements.",
        files=("magic_wand",),
        stand_in="gestures",
        reader=wand.read,
    ),
    "cwru_bearing": _Set(
        about="Vibration of one motor with a sound and with a damaged bearing.",
        files=("cwru_bearing_97", "cwru_bearing_105"),
        stand_in="vibration",
        reader=bearing.read,
    ),
}
