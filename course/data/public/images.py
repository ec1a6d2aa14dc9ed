"""Pictures in folders that bear their labels: three data sets have this form."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from course.data.dataset import Dataset, whole_number
from course.data.public.archives import calm, opened
from course.data.public.choosing import balanced, numbered
from course.data.public.errors import ArchiveError

_SUFFIXES = (".png", ".jpg", ".jpeg")
_FORMATS = ("PNG", "JPEG")
# Pictures of a photograph's size at most: what they announce is looked at before it is decoded.
_MOST_PIXELS = 4096 * 4096
_LARGEST = 1024


def read(
    path: Path,
    *,
    name: str,
    licence: str,
    labels: Mapping[str, str],
    group: Callable[[str], str],
    description: str,
    limit: int | None = None,
    seed: int = 0,
    size: int = 96,
) -> Dataset:
    """Read pictures from an archive.

    Parameters
    ----------
    path : Path
        Zip or gzipped tar archive.
    name, licence, description : str
    labels : mapping
        Name of each folder, and the label of the pictures in it.
    group : callable
        From a picture's file name to what it has in common with others, such as whose hand.
    limit, seed
        See :func:`course.data.public.load`.
    size : int
        Rows and columns of the result, from 8 to 1,024. Pictures are cut to a square around
        their middle and scaled.

    Returns
    -------
    Dataset
        Shape (N, size, size, 3), uint8, red, green and blue.

    Raises
    ------
    ArchiveError
        If the archive or a picture is damaged.
    ValueError
        If the size is out of range.
    """
    if whole_number("size", size, 8) > _LARGEST:
        raise ValueError(f"size must be from 8 to {_LARGEST:,}, not {size}.")
    folders = list(labels)
    with opened(path) as archive:
        members = [
            (member, parts[-2])
            for member in archive.names
            if len(parts := PurePosixPath(member).parts) > 1
            and parts[-2] in labels
            and parts[-1].lower().endswith(_SUFFIXES)
        ]
        missing = set(folders) - {folder for _, folder in members}
        if missing:
            raise ArchiveError(f"{path.name} has no picture in a folder {sorted(missing)[0]}.")
        every = np.array([folders.index(folder) for _, folder in members])
        chosen = balanced(every, limit, seed)
        wanted = [members[index][0] for index in chosen]
        pictures = np.empty((len(wanted), size, size, 3), dtype=np.uint8)
        for place, (member, content) in enumerate(archive.read(wanted)):
            with calm(f"{member} in {path.name}"):
                pictures[place] = _picture(content, size)
    return Dataset(
        name=name,
        examples=pictures,
        labels=every[chosen],
        label_names=tuple(labels.values()),
        person=numbered([group(PurePosixPath(member).name) for member in wanted]),
        units="brightness, 0 to 255",
        sample_rate_hz=None,
        description=description,
        licence=licence,
    )


def _picture(content: bytes, size: int) -> np.ndarray:
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        # Large pictures are refused here in our own words.
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise ValueError(f"{image.width} × {image.height} pixels")
                square = ImageOps.fit(image.convert("RGB"), (size, size))
        except (Image.DecompressionBombError, SyntaxError, TypeError, AttributeError) as error:
            # Pillow's decoders raise these at malformed files.
            raise ValueError(str(error)) from None
    return np.asarray(square)
