"""Convert a Keras model to ``.tflite``, run it on three engines, and size its tensor arena.

Importing this package starts neither TensorFlow nor an interpreter; only `convert` ever needs
TensorFlow.

>>> from course.tflite import Runner, arena, convert
"""

# Bound here, once, so that each name means the function even where it is also a module's name.
from course.tflite.arena import Arena, arena
from course.tflite.convert import convert
from course.tflite.ranges import Range, ranges
from course.tflite.run import ModelError, Runner, TensorInfo

__all__ = [
    "Arena",
    "ModelError",
    "Range",
    "Runner",
    "TensorInfo",
    "arena",
    "convert",
    "ranges",
]
