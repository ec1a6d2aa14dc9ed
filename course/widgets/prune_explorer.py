"""A share of a model's weights to prune, and what becomes of its answers and its size."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from course import plots
from course.widgets._base import HouseWidget, script


class PruneExplorer(HouseWidget):
    """One slider over models that were pruned to different shares.

    Parameters
    ----------
    weights : array_like
        All weights before pruning, of any shape.
    shares : sequence of float
        The shares that were pruned, from 0 to 1, rising.
    accuracies : sequence of float
        Accuracy of each of these models, 0 to 1.
    packed_bytes : sequence of int
        Bytes of each model's weights when packed.
    share : float
        Where the slider starts.

    Attributes
    ----------
    share : float
        Where the slider stands, one of the shares.
    accuracy : float
        Accuracy of the model there.
    packed : int
        Its packed bytes.

    Raises
    ------
    ValueError
        If the lengths differ, there is nothing to show, or a number is not finite.
    """

    _esm = script("prune_explorer")

    share = traitlets.Float(0.0).tag(sync=True)
    accuracy = traitlets.Float(0.0).tag(sync=True)
    packed = traitlets.Int(0).tag(sync=True)
    raw = traitlets.Int(0).tag(sync=True)
    _cut = traitlets.Float(0.0).tag(sync=True)
    _shares = traitlets.List().tag(sync=True)
    _accuracies = traitlets.List().tag(sync=True)
    _edges = traitlets.List().tag(sync=True)
    _counts = traitlets.List().tag(sync=True)

    def __init__(
        self,
        weights: Any,
        shares: Sequence[float],
        accuracies: Sequence[float],
        packed_bytes: Sequence[int],
        *,
        share: float = 0.0,
    ) -> None:
        self.weights = np.asarray(weights, float).ravel()
        self.shares = np.asarray(shares, float)
        self.accuracies = np.asarray(accuracies, float)
        self.packed_bytes = np.asarray(packed_bytes, float)
        lengths = {each.shape for each in (self.shares, self.accuracies, self.packed_bytes)}
        if len(lengths) != 1 or self.shares.ndim != 1 or not len(self.shares):
            raise ValueError("The explorer needs an accuracy and packed bytes for each share.")
        numbers = (self.weights, self.shares, self.accuracies, self.packed_bytes)
        if not len(self.weights) or not all(np.isfinite(each).all() for each in numbers):
            raise ValueError("The explorer needs weights, and finite numbers only.")
        most = float(np.abs(self.weights).max()) or 1.0
        counts, edges = np.histogram(self.weights, np.linspace(-most, most, 62))
        self._lock = threading.RLock()
        super().__init__(
            share=float(share),
            raw=4 * len(self.weights),
            _shares=self.shares.round(6).tolist(),
            _accuracies=self.accuracies.round(6).tolist(),
            _edges=edges.round(6).tolist(),
            _counts=counts.tolist(),
        )
        self.observe(self._measure, names="share")
        self._measure()

    def _measure(self, _: Any = None) -> None:
        with self._lock, self.hold_sync():
            at = int(np.abs(self.shares - self.share).argmin())
            count = round(float(self.shares[at]) * len(self.weights))
            sizes = np.sort(np.abs(self.weights))
            self._cut = float(sizes[count - 1]) if count else 0.0
            self.accuracy = float(self.accuracies[at])
            self.packed = int(self.packed_bytes[at])
            self.share = float(self.shares[at])

    def _sentence(self) -> str:
        return (
            f"{100 * self.share:.0f} % pruned: {100 * self.accuracy:.0f} % right, "
            f"{self.raw:,} bytes of weights, packed {self.packed:,}."
        )

    def _fallback_figure(self) -> plots.HouseFigure:
        whole = 100 * self.accuracies[0]
        fallen = np.flatnonzero(100 * self.accuracies < whole - 10)
        found = (
            f"Pruned without training, {100 * self.shares[fallen[0]]:.0f} % are too many"
            if len(fallen)
            else "No share that was tried costs ten points"
        )
        return plots.size_curves(
            {"pruned at once": list(zip(self.packed_bytes, self.accuracies, strict=True))},
            notes={"pruned at once": [f"{100 * share:.0f} %" for share in self.shares]},
            title=found,
        )

    def _fallback_text(self) -> str:
        return (
            f"{self._sentence()} To try others, set share of this explorer and print its accuracy "
            "and packed."
        )
