"""Magic wand: gestures of nine people, recorded by the makers of the TFLite Micro example."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import numpy as np

from course.data.dataset import Dataset
from course.data.public.archives import calm, opened
from course.data.public.choosing import balanced, numbered
from course.data.public.errors import ArchiveError

# The order of course.data.gestures.
LABELS = ("wing", "ring", "slope", "negative")
# All three: README.md and train/data_load.py of the example (seq_length=128, 25 Hz, mg).
SAMPLE_RATE_HZ = 25
WINDOW = 128
_NOISE_MG = 20
_FILE = re.compile(r"output_(wing|ring|slope|negative)_(\w+)\.txt")


def read(
    path: Path, *, name: str, licence: str, limit: int | None = None, seed: int = 0
) -> Dataset:
    """Read the recorded gestures from the archive.

    The recordings have any length. Longer ones are cut after 128 readings; shorter ones are
    preceded by their first reading with ±10 mg of noise, as the example's training does.
    Negatives were recorded without a break and are cut into windows.

    Parameters
    ----------
    path : Path
        Gzipped tar archive with ``wing/output_wing_hyw.txt`` and so on.
    name, licence : str
    limit, seed
        See :func:`course.data.public.load`; the seed also draws the noise.

    Returns
    -------
    Dataset
        Windows of 5.12 s, shape (N, 128, 3), float32, in mg, at 25 Hz. `person` numbers the
        people, and the recordings of negatives, whose people nobody wrote down.

    Raises
    ------
    ArchiveError
        If the archive is damaged or not what it should be.
    """
    rng = np.random.default_rng(seed)
    windows, labels, groups = [], [], []
    with opened(path) as archive:
        files = {
            member: match
            for member in archive.names
            if (match := _FILE.fullmatch(PurePosixPath(member).name))
        }
        missing = set(LABELS) - {match[1] for match in files.values()}
        if missing:
            raise ArchiveError(f"{path.name} has no recording of {sorted(missing)[0]}.")
        for member, content in archive.read(files):
            label, who = files[member].groups()
            with calm(f"{member} in {path.name}"):
                takes = _takes(content.decode("ascii"))
                own = _cut(takes) if label == "negative" else [_fit(take, rng) for take in takes]
                if not own:
                    raise EOFError("no reading")
            windows += own
            labels += [LABELS.index(label)] * len(own)
            groups += [f"negative {who}" if label == "negative" else who] * len(own)
    chosen = balanced(np.array(labels), limit, seed)
    return Dataset(
        name=name,
        examples=np.stack(windows)[chosen],
        labels=np.array(labels)[chosen],
        label_names=LABELS,
        person=numbered(groups)[chosen],
        units="mg",
        sample_rate_hz=SAMPLE_RATE_HZ,
        description=(
            "Recorded acceleration of a wand: wing, ring, slope and other movements. Windows of "
            "5.12 s, recorded for the magic-wand example of TensorFlow Lite for Microcontrollers."
        ),
        licence=licence,
    )


def _takes(text: str) -> list[np.ndarray]:
    """Readings between two lines of dashes, each of shape (readings, 3)."""
    takes: list[list[list[float]]] = [[]]
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        # The boards printed other lines too; the example's own reader passes over them.
        if len(fields) != 3:
            continue
        if fields[2] == "-":
            takes.append([])
        else:
            takes[-1].append([float(field) for field in fields])
    arrays = [np.array(take, dtype=np.float32) for take in takes if take]
    for array in arrays:
        if not np.isfinite(array).all():
            raise ValueError("not all of its readings are numbers")
    return arrays


def _fit(take: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    take = take[:WINDOW]
    noise = rng.uniform(-_NOISE_MG / 2, _NOISE_MG / 2, (WINDOW - len(take), 3))
    return np.concatenate([(take[0] + noise).astype(np.float32), take])


def _cut(takes: list[np.ndarray]) -> list[np.ndarray]:
    readings = np.concatenate(takes) if takes else np.zeros((0, 3), np.float32)
    count = len(readings) // WINDOW
    return list(readings[: count * WINDOW].reshape(count, WINDOW, 3))
