"""Speech Commands: one-second clips of thousands of people who say one of 35 words."""

from __future__ import annotations

import io
import re
import wave
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from course.data.dataset import Dataset
from course.data.public.archives import Archive, calm, opened
from course.data.public.choosing import balanced, numbered
from course.data.public.errors import ArchiveError

# All: README.md of the data set.
SAMPLE_RATE_HZ = 16_000
CLIP = SAMPLE_RATE_HZ
_NOISE = "_background_noise_"
_LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
_PARTS = ("train", *_LISTS)
_SPEAKER = re.compile(r"([0-9a-f]{6,8})_nohash_\d+\.wav$")
# The lists hold back a tenth of the speakers each; of each noise, the same is held back.
_STRETCH = {None: (0.0, 1.0), "train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
_SILENCE, _UNKNOWN = "silence", "unknown"


def read(
    path: Path,
    *,
    name: str,
    licence: str,
    limit: int | None = None,
    seed: int = 0,
    words: Sequence[str] | None = ("yes", "no"),
    part: str | None = None,
) -> Dataset:
    """Read clips from the archive.

    Parameters
    ----------
    path : Path
        Gzipped tar archive with a folder for each word.
    name, licence : str
    limit, seed
        See :func:`course.data.public.load`. All clips of all words take 3.4 GB of memory.
    words : sequence of str, or None
        Words to tell apart from ``"unknown"`` (the other words) and ``"silence"`` (pieces of
        the noises that come with the data, up to as loud as they are). Both have as many
        examples as the words have on average. None: every word is a label, and nothing else.
    part : str, optional
        ``"train"``, ``"validation"`` or ``"test"``, the authors' own lists (no speaker is in
        two of them); by default all.

    Returns
    -------
    Dataset
        Shape (N, 16000), int16, at 16 kHz. `person` numbers the speakers, by the hash in the
        name of the file; each noise is a group of its own. `sounds` are the clips.

    Raises
    ------
    ArchiveError
        If the archive or a clip is damaged.
    ValueError
        If there is no such word or part.
    """
    if part not in (None, *_PARTS):
        raise ValueError(f"There is no part {part!r}; there are {', '.join(_PARTS)}.")
    rng = np.random.default_rng(seed)
    with opened(path) as archive:
        clips = _clips(archive, part)
        noises = clips.pop(_NOISE, [])
        for folder, label in (("_silence_", _SILENCE), ("_unknown_", _UNKNOWN)):
            # The test set has them ready-made.
            if folder in clips:
                clips[label] = clips.pop(folder)
        label_names, members = _labelled(clips, words, rng, path.name)
        labels = np.array([label_names.index(label) for label, _ in members], dtype=np.int64)
        silent = _SILENCE in label_names and _SILENCE not in clips and bool(noises)
        if silent:
            count = round(len(members) / (len(label_names) - 1))
            members += [(_SILENCE, "")] * count
            labels = np.append(labels, [label_names.index(_SILENCE)] * count)
        chosen = balanced(labels, limit, seed)
        kept = [members[index][1] for index in chosen]
        signals = np.zeros((len(kept), CLIP), dtype=np.int16)
        groups = [""] * len(kept)
        place = {member: index for index, member in enumerate(kept) if member}
        for member, content in archive.read(place):
            clip = _wave(content, f"{member} in {path.name}")[:CLIP]
            signals[place[member], : len(clip)] = clip
            groups[place[member]] = _speaker(member)
        slots = [index for index, member in enumerate(kept) if not member]
        if slots:
            _fill(archive, noises, slots, signals, groups, rng, _STRETCH[part])
    return Dataset(
        name=name,
        examples=signals,
        labels=labels[chosen],
        label_names=label_names,
        person=numbered(groups),
        units="int16 samples",
        sample_rate_hz=SAMPLE_RATE_HZ,
        description=(
            "Recorded words, one second each, spoken by thousands of people. Speech Commands "
            "0.02 (Warden, 2018)."
        ),
        licence=licence,
        sounds=tuple(signals),
    )


def _clips(archive: Archive, part: str | None) -> dict[str, list[str]]:
    """Members of this part of the data set, by folder; noises belong to every part."""
    found = defaultdict(list)
    for member in archive.names:
        parts = PurePosixPath(member).parts
        if len(parts) > 1 and member.endswith(".wav"):
            found[parts[-2]].append(member)
    if not found:
        raise ArchiveError(f"{archive.name} holds no clips.")
    if part is None:
        return dict(found)
    listed = {which: _listed(archive, ending) for which, ending in _LISTS.items()}
    every = set().union(*listed.values())
    return {
        folder: [
            member
            for member in members
            if folder == _NOISE
            or (_short(member) in listed[part] if part in listed else _short(member) not in every)
        ]
        for folder, members in found.items()
    }


def _listed(archive: Archive, ending: str) -> set[str]:
    lists = [member for member in archive.names if PurePosixPath(member).name == ending]
    if not lists:
        raise ArchiveError(f"{archive.name} has no {ending}, so it cannot be read in parts.")
    with calm(f"{ending} in {archive.name}"):
        return set(archive.only(lists[0]).decode("ascii").split())


def _labelled(
    clips: dict[str, list[str]],
    words: Sequence[str] | None,
    rng: np.random.Generator,
    archive: str,
) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """Label names, and a pair of label and member for each clip."""
    spoken = sorted(set(clips) - {_SILENCE, _UNKNOWN})
    if words is None:
        names = tuple(spoken)
        return names, [(word, member) for word in names for member in clips[word]]
    words = (words,) if isinstance(words, str) else tuple(dict.fromkeys(words))
    for word in words:
        if word not in spoken:
            raise ValueError(f"There is no word {word!r} in {archive}; it has {', '.join(spoken)}.")
    if not words:
        raise ValueError("At least one word is needed; None takes all of them.")
    members = [(word, member) for word in words for member in clips[word]]
    ready = [(label, member) for label in (_SILENCE, _UNKNOWN) for member in clips.get(label, [])]
    if not ready:
        others = [member for word in spoken if word not in words for member in clips[word]]
        count = min(len(others), round(len(members) / len(words)))
        drawn = np.sort(rng.choice(len(others), count, replace=False)) if count else []
        ready = [(_UNKNOWN, others[index]) for index in drawn]
    return (_SILENCE, _UNKNOWN, *words), members + ready


def _fill(
    archive: Archive,
    noises: list[str],
    slots: list[int],
    signals: np.ndarray,
    groups: list[str],
    rng: np.random.Generator,
    stretch: tuple[float, float],
) -> None:
    """Put pieces of the noises into the slots, in place."""
    recordings = []
    for member, content in archive.read(noises):
        noise = _wave(content, f"{member} in {archive.name}")
        noise = noise[int(stretch[0] * len(noise)) : int(stretch[1] * len(noise))]
        if len(noise) < CLIP:
            raise ArchiveError(f"{member} in {archive.name} is too short to cut a second from.")
        recordings.append((member, noise))
    for slot in slots:
        member, noise = recordings[rng.integers(len(recordings))]
        start = rng.integers(len(noise) - CLIP + 1)
        signals[slot] = (rng.random() * noise[start : start + CLIP]).astype(np.int16)
        groups[slot] = member


def _wave(content: bytes, what: str) -> np.ndarray:
    with calm(what):
        try:
            with wave.open(io.BytesIO(content)) as file:
                form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
                count = file.getnframes()
                frames = file.readframes(count)
        except wave.Error as error:
            raise ValueError(str(error)) from None
        if form != (1, 2, SAMPLE_RATE_HZ):
            raise ValueError(
                f"{form[0]} channels of {8 * form[1]} bits at {form[2]} Hz instead of one of "
                "16 bits at 16,000 Hz"
            )
        if len(frames) != 2 * count:
            raise ValueError(f"{len(frames) // 2} of {count} samples")
    return np.frombuffer(frames, dtype="<i2").astype(np.int16)


def _speaker(member: str) -> str:
    match = _SPEAKER.search(member)
    # Ready-made silence has no speaker; each clip stands for itself.
    return match[1] if match else member


def _short(member: str) -> str:
    """A clip's name as the lists have it: word and file."""
    return "/".join(PurePosixPath(member).parts[-2:])
