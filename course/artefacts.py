"""What earlier modules left behind: the learner's own, else the reference that ships.

A module can be started cold. What it opens from an earlier one is looked for in the learner's
workspace first; where that is missing or cannot be used, ``course/models`` has one that the
module's solution made. One printed line says which it is.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from course import syllabus, workspace

__all__ = ["REFERENCES", "converted", "find", "tflite"]

#: Files that ship with the course; `autograder.references` makes them anew.
REFERENCES = Path(__file__).parent / "models"


def find(name: str) -> Path:
    """Path of a file that an earlier module builds.

    Parameters
    ----------
    name : such as ``"gesture.keras"``.

    Raises
    ------
    LookupError
        When no module leaves such a file and the course ships none.

    Examples
    --------
    >>> find("gesture.keras").name  # doctest: +SKIP
    'gesture.keras'
    """
    own = _own(name)
    if own is not None:
        print(f"This uses your own {name} from {own.parent.name}.")
        return own
    return _reference(name)


def tflite(name: str) -> Path:
    """Path of a float ``.tflite`` file, batch of one, made from an earlier module's Keras model.

    The learner's own is converted once and kept in their workspace. Module 05 opens what happens
    here.

    Parameters
    ----------
    name : of the model without its ending, such as ``"gesture"``.

    Raises
    ------
    LookupError
        When no module leaves such a model and the course ships none.
    """
    source = f"{name}.keras"
    own = _own(source)
    place = workspace.find()
    if own is None or place is None:
        return _reference(f"{name}.tflite")
    data = own.read_bytes()
    folder = place / ".course" / "converted"
    made = folder / f"{name}-{hashlib.sha256(data).hexdigest()[:16]}.tflite"
    if not made.is_file():
        try:
            data = converted(own)
            fits = _sides(data) == _sides((REFERENCES / f"{name}.tflite").read_bytes())
            why = "" if fits else "it takes or gives arrays of another shape"
        except Exception as error:  # Keras and its converter raise many kinds for a damaged file
            why = (str(error).strip().splitlines() or [type(error).__name__])[0][:160].rstrip(".")
        if why:
            print(f"Your own {source} cannot be used here: {why}.")
            return _reference(f"{name}.tflite")
        folder.mkdir(parents=True, exist_ok=True)
        draft = made.with_suffix(".part")
        draft.write_bytes(data)
        draft.replace(made)
    print(f"This uses your own {source} from {own.parent.name}.")
    return made


def _sides(data: bytes) -> tuple[tuple[int, ...], ...]:
    from course.tflite import Runner

    with Runner(data) as runner:
        return tuple(info.shape for info in (*runner.inputs, *runner.outputs))


def _own(name: str) -> Path | None:
    place = workspace.find()
    if place is None:
        return None
    for module in syllabus.modules():
        path = place / workspace.location(module).parent / name
        if name in module.builds and path.is_file():
            return path
    return None


def _reference(name: str) -> Path:
    path = REFERENCES / name
    if not path.is_file():
        known = ", ".join(sorted(each.name for each in REFERENCES.glob("*.*")))
        raise LookupError(f"The course has no {name!r}; it ships {known}.")
    print(f"This uses the {name} that ships with the course; your own will take its place.")
    return path


def converted(path: Path) -> bytes:
    """The float ``.tflite`` of a ``.keras`` file, batch of one."""
    from course.tflite import convert
    from course.training import keras

    return convert(keras.models.load_model(path, compile=False, safe_mode=True))
