"""What an answer must look like before a judge reads it: type, shape, range, finite numbers.

``Calls(returns=expect.Array(5))`` and ``Value(expect=expect.Number())`` let every check answer a
wrong type, a wrong shape or NaN in the same calm way, so that judges only see well-formed values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.evidence import describe


class Unexpected(ValueError):
    """A value is not what was expected; ``got`` and ``needed`` are phrases for a finding."""

    def __init__(self, got: str, needed: str, next: str) -> None:
        super().__init__(f"got {got}, needed {needed}")
        self.got, self.needed, self.next = got, needed, next


@dataclass(frozen=True)
class Number:
    """One finite number; ``whole=True`` asks for an integer."""

    whole: bool = False
    unit: str = ""

    @property
    def needed(self) -> str:
        unit = f" in {self.unit}" if self.unit else ""
        return f"one {'whole ' if self.whole else ''}number{unit}"

    def normalise(self, value: Any) -> float | int:
        if isinstance(value, np.ndarray) and value.shape == ():
            value = value.item()
        if type(value) not in (int, float):
            raise Unexpected(describe(value), self.needed, _return_hint(value, self.needed))
        if not math.isfinite(value):
            raise Unexpected(
                str(value), self.needed, "Look for a division by zero or a log of zero."
            )
        if self.whole and value != int(value):
            raise Unexpected(describe(value), self.needed, "Round the result to a whole number.")
        return int(value) if self.whole else float(value)


@dataclass(frozen=True)
class Text:
    """One of several words."""

    choices: tuple[str, ...]

    @property
    def needed(self) -> str:
        return "one of " + ", ".join(map(repr, self.choices))

    def normalise(self, value: Any) -> str:
        if type(value) is not str:
            raise Unexpected(describe(value), self.needed, _return_hint(value, self.needed))
        if value not in self.choices:
            raise Unexpected(describe(value), self.needed, "Spell the word exactly like that.")
        return value


@dataclass(frozen=True)
class Texts:
    """A list or array of words, one for each of ``count`` examples."""

    choices: tuple[str, ...]
    count: int | None = None

    @property
    def needed(self) -> str:
        many = f"{self.count} " if self.count else ""
        return f"a list of {many}words out of {', '.join(map(repr, self.choices))}"

    def normalise(self, value: Any) -> list[str]:
        if type(value) is not list or not all(type(item) is str for item in value):
            what = (
                "a list that holds other things than words"
                if type(value) is list
                else describe(value)
            )
            raise Unexpected(what, self.needed, _return_hint(value, self.needed))
        if self.count is not None and len(value) != self.count:
            raise Unexpected(
                f"{len(value)} words",
                f"{self.count}, one for each example",
                "Answer every example once.",
            )
        for item in value:
            if item not in self.choices:
                raise Unexpected(describe(item), self.needed, "Spell the words exactly like that.")
        return value


@dataclass(frozen=True)
class Array:
    """An array (or list) of finite numbers of one shape; ``None`` in the shape is any length."""

    shape: tuple[int | None, ...]
    finite: bool = True

    @property
    def needed(self) -> str:
        if len(self.shape) == 1:
            return f"{self.shape[0]} numbers" if self.shape[0] else "a list of numbers"
        return f"an array of shape {'×'.join('N' if n is None else str(n) for n in self.shape)}"

    def normalise(self, value: Any) -> np.ndarray:
        got = (
            "a list that holds other things than numbers"
            if type(value) is list
            else describe(value)
        )
        try:
            array = np.asarray(value)
        except ValueError:
            got, array = "a list whose rows differ in length", np.asarray(None)
        if array.dtype.kind not in "biuf" or not isinstance(value, (np.ndarray, list, int, float)):
            raise Unexpected(got, self.needed, _return_hint(value, self.needed))
        fits = len(array.shape) == len(self.shape) and all(
            want in (None, got) for got, want in zip(array.shape, self.shape, strict=True)
        )
        if not fits:
            got = f"shape {'×'.join(map(str, array.shape)) or 'scalar'}"
            raise Unexpected(got, self.needed, "Print its shape and compare.")
        array = array.astype(np.float64)
        if self.finite and not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            raise Unexpected(
                "1 value that is NaN or infinite"
                if bad == 1
                else f"{bad} values that are NaN or infinite",
                f"{self.needed}, all of them finite",
                "Look for a division by zero, a log of zero or an empty slice.",
            )
        return array


@dataclass(frozen=True)
class Several:
    """A tuple of answers of different kinds: ``Several(x=Array((None, 3)), y=Number())``."""

    parts: dict[str, Any]

    def __init__(self, **parts: Any) -> None:
        object.__setattr__(self, "parts", parts)

    @property
    def needed(self) -> str:
        return f"{len(self.parts)} values, {', '.join(self.parts)}"

    def normalise(self, value: Any) -> list[Any]:
        if type(value) is not list or len(value) != len(self.parts):
            raise Unexpected(describe(value), self.needed, _return_hint(value, self.needed))
        results = []
        for (name, part), item in zip(self.parts.items(), value, strict=True):
            try:
                results.append(part.normalise(item))
            except Unexpected as error:
                needed = f"{name} to be {error.needed}"
                raise Unexpected(f"{name}: {error.got}", needed, error.next) from None
        return results


def _return_hint(value: Any, needed: str) -> str:
    if value is None:
        return "Is the task's cell filled in and run, and does the function end with `return`?"
    return f"Make it {needed}."
