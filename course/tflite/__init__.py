"""Convert a Keras model to ``.tflite``, look into it, run and time it, and size its tensor arena.

Importing this package starts neither TensorFlow nor an interpreter; only `convert`, `Prune` and
`Cluster` ever need TensorFlow.

>>> from course.tflite import Runner, arena, convert, inspect
"""

from typing import Any

# Bound here, once, so that each name means the function even where it is also a module's name.
from course.tflite.arena import Arena, arena
from course.tflite.convert import convert
from course.tflite.inspect import Report, inspect
from course.tflite.npu import NpuReport, npu
from course.tflite.profile import Profile, profile
from course.tflite.ranges import Range, ranges
from course.tflite.run import ModelError, Runner, TensorInfo
from course.tflite.scoreboard import Scoreboard

__all__ = [
    "Arena",
    "Cluster",
    "ModelError",
    "NpuReport",
    "Profile",
    "Prune",
    "Range",
    "Report",
    "Runner",
    "Scoreboard",
    "TensorInfo",
    "arena",
    "convert",
    "inspect",
    "npu",
    "profile",
    "ranges",
]


def __getattr__(name: str) -> Any:
    """The callbacks, whose base class is Keras's, when they are first asked for."""
    if name == "Prune":
        from course.tflite.prune import Prune

        return Prune
    if name == "Cluster":
        from course.tflite.cluster import Cluster

        return Cluster
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
