"""What capturing pictures and capturing sounds have in common: labels, limits and a stand-in."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets

from course.widgets._base import HouseWidget

MOST_LABELS = 12
MOST_PER_LABEL = 400
"""Captured examples of one label; 400 pictures of 96 × 96 are 11 MB."""
_LONGEST_LABEL = 40
# Of the bundled examples the browser shows a few; Python has them all.
_SHOWN_PER_LABEL = 4
_LARGEST_SERIAL = 2**53
_STATES = ("off", "asking", "live", "insecure", "denied", "missing", "busy", "failed", "ended")


class Capture(HouseWidget):
    """Examples that the learner makes in the browser, or bundled ones until there are some.

    Everything that comes from the browser is checked here: what does not have the right label,
    type and size is refused and counted nowhere.
    """

    _noun = ("example", "examples")
    _device = "device"
    _shape: tuple[int, ...] = ()
    _dtype = np.dtype(np.uint8)

    _labels = traitlets.List().tag(sync=True)
    _counts = traitlets.List().tag(sync=True)
    _status = traitlets.Unicode().tag(sync=True)
    _bundled = traitlets.Bytes().tag(sync=True)
    _bundled_shown = traitlets.List().tag(sync=True)
    _bundled_counts = traitlets.List().tag(sync=True)

    def __init__(
        self, labels: Sequence[str], fallback: Mapping[str, Any] | None, **traits: Any
    ) -> None:
        if isinstance(labels, str):
            raise ValueError(f"labels is {labels!r}; it must be a list of names.")
        names = [" ".join(str(name).split()) for name in labels]
        if (
            not 1 <= len(names) <= MOST_LABELS
            or len(set(names)) != len(names)
            or not all(0 < len(name) <= _LONGEST_LABEL for name in names)
        ):
            raise ValueError(
                f"labels is {names}; there must be 1 to {MOST_LABELS} different names of at most "
                f"{_LONGEST_LABEL} characters."
            )
        self.label_names = tuple(names)
        self._fallback = self._check_fallback(fallback)
        # The front end's messages arrive in a thread of their own (ipykernel 7).
        self._lock = threading.RLock()
        self._captured: list[np.ndarray] = []
        self._captured_labels: list[int] = []
        self.state = "off"
        shown = [items[:_SHOWN_PER_LABEL] for items in self._fallback]
        super().__init__(
            _labels=names,
            _counts=[0] * len(names),
            _bundled=b"".join(items.tobytes() for items in shown),
            _bundled_shown=[len(items) for items in shown],
            _bundled_counts=[len(items) for items in self._fallback],
            **traits,
        )
        self._renew()
        self.on_msg(self._receive)

    @property
    def uses_fallback(self) -> bool:
        """Whether `examples` returns the bundled ones: until every label has one of your own."""
        with self._lock:
            return bool(self._fallback) and len(set(self._captured_labels)) < len(self.label_names)

    @property
    def labels(self) -> np.ndarray:
        """Label of each example, indices into `label_names`, int64, shape (N,)."""
        with self._lock:
            if self.uses_fallback:
                counts = [len(items) for items in self._fallback]
                return np.repeat(np.arange(len(counts)), counts)
            return np.array(self._captured_labels, np.int64)

    @property
    def names(self) -> np.ndarray:
        """Label of each example in words, an array of str, shape (N,)."""
        return np.array(self.label_names)[self.labels]

    def examples(self) -> np.ndarray:
        """Return the examples, in the order of `labels`.

        Your own are returned once every label has at least one; until then the bundled ones, if
        the widget was given any. The two are never mixed: a model would learn to tell them apart.
        """
        with self._lock:
            if self.uses_fallback:
                return np.concatenate(self._fallback)
            if not self._captured:
                return np.empty((0, *self._shape), self._dtype)
            return np.stack(self._captured)

    def clear(self) -> None:
        """Forget what was captured."""
        with self._lock:
            self._captured.clear()
            self._captured_labels.clear()
            self._renew()

    def _check_fallback(self, fallback: Mapping[str, Any] | None) -> list[np.ndarray]:
        if fallback is None:
            return []
        names = {str(name) for name in fallback}
        if names != set(self.label_names):
            raise ValueError(
                f"The fallback has {self._noun[1]} of {', '.join(sorted(names)) or 'nothing'}; it "
                f"must have some of each of {', '.join(self.label_names)}."
            )
        checked = []
        for name in self.label_names:
            items = np.asarray(fallback[name])
            if items.shape[1:] != self._shape or items.dtype != self._dtype or not len(items):
                wanted = ", ".join(map(str, self._shape))
                raise ValueError(
                    f"The fallback for {name} has the shape {items.shape} and the type "
                    f"{items.dtype}; it must be (N, {wanted}) and {self._dtype}."
                )
            checked.append(np.ascontiguousarray(items))
        return checked

    def _receive(self, _: Any, content: Any, buffers: Any) -> None:
        """Take a message of the browser, whatever it holds."""
        if not isinstance(content, dict):
            return
        kind = content.get("kind")
        if kind == "state" and content.get("state") in _STATES:
            self.state = content["state"]
        elif kind == "remove":
            with self._lock:
                if self._captured:
                    self._captured.pop()
                    self._captured_labels.pop()
                    self._renew()
        elif kind == "example":
            serial = content.get("serial")
            refusal = self._take(content.get("label"), buffers)
            if isinstance(serial, int) and 0 <= serial <= _LARGEST_SERIAL:
                answer = "refused" if refusal else "taken"
                self.send({"kind": answer, "serial": serial, "text": refusal})

    def _take(self, label: Any, buffers: Any) -> str:
        """Keep one example; returns why not, or nothing."""
        if isinstance(label, bool) or not isinstance(label, int):
            return "It has no label."
        if not 0 <= label < len(self.label_names):
            return "It has no label of this widget."
        if not isinstance(buffers, list | tuple) or len(buffers) != 1:
            return "It did not arrive in one piece."
        data = bytes(buffers[0])
        expected = int(np.prod(self._shape)) * self._dtype.itemsize
        if len(data) != expected:
            return f"It has {len(data)} bytes and should have {expected}."
        item = np.frombuffer(data, self._dtype.newbyteorder("<")).reshape(self._shape)
        with self._lock:
            if self._captured_labels.count(label) >= MOST_PER_LABEL:
                return f"There are {MOST_PER_LABEL} of this label already; that is the limit."
            self._captured.append(item.astype(self._dtype))
            self._captured_labels.append(label)
            self._renew()
        return ""

    def _renew(self) -> None:
        """Bring the counts and the sentence below them up to date."""
        with self.hold_sync():
            self._counts = [
                self._captured_labels.count(place) for place in range(len(self.label_names))
            ]
            self._status = self._sentence()

    def _sentence(self) -> str:
        own = len(self._captured)
        bundled = sum(map(len, self._fallback))
        if own and not self.uses_fallback:
            return f"In use: {_count(own, self._noun)} of your own."
        if not self._fallback:
            return f"There is no {self._noun[0]} yet."
        if not own:
            return (
                f"In use: the {_count(bundled, self._noun)} that came with the course, until "
                "every label has one of your own."
            )
        missing = [
            name
            for place, name in enumerate(self.label_names)
            if place not in self._captured_labels
        ]
        return (
            f"In use: the {_count(bundled, self._noun)} that came with the course, until "
            f"{' and '.join(missing)} {'has' if len(missing) == 1 else 'have'} one of your own."
        )

    def _fallback_text(self) -> str:
        text = (
            f"{self._sentence()} Capturing your own needs this notebook open in a browser, and a "
            f"{self._device}."
        )
        return f"{self._fallback_figure().alt} {text}" if len(self.examples()) else text

    def _fallback_html(self) -> str:
        return (
            super()._fallback_html() if len(self.examples()) else f"<p>{self._fallback_text()}</p>"
        )

    def _first_of_each(self, count: int) -> list[tuple[str, np.ndarray]]:
        """Return a label and a few examples for each label that has any."""
        labels, examples = self.labels, self.examples()
        return [
            (name, examples[labels == place][:count])
            for place, name in enumerate(self.label_names)
            if (labels == place).any()
        ]


def _count(number: int, noun: tuple[str, str]) -> str:
    return f"{number} {noun[0] if number == 1 else noun[1]}"
