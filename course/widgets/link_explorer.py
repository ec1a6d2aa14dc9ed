"""A link to take apart: move round trip, bandwidth and loss, and see how late answers come."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import traitlets

from course import plots
from course.link import Link
from course.widgets._base import HouseWidget, script

#: What a learner can send; bytes of one second, of one picture and of a window of 128 readings.
PAYLOADS: dict[str, int] = {
    "a wand's window, 1.5 kB": 1536,
    "a second of sound, 32 kB": 32_000,
    "a picture for a model, 9 kB": 9216,
    "a photo, 300 kB": 300_000,
}
_TRIPS = 1001
# From 10 ms to 100 s in steps of a fifteenth of a power of ten.
_EDGES = np.logspace(1, 5, 61)


class LinkExplorer(HouseWidget):
    """Sliders for a link's round trip, bandwidth and loss, and the histogram of 1,001 requests.

    Parameters
    ----------
    local_ms : float
        How long the device itself takes, in ms; a line in the histogram.
    rtt_ms, up_kbps, loss_percent : float
        Where the sliders start.
    payloads : Mapping[str, int], optional
        What can be sent: a name and a number of bytes; `PAYLOADS` by default.

    Attributes
    ----------
    rtt_ms, up_kbps, loss_percent : float
        Where the sliders stand.
    payload : str
        What is sent.
    p50, p95, p99 : float
        Percentiles of the round trips, in ms.

    Raises
    ------
    ValueError
        If ``local_ms`` is not above 0.

    Examples
    --------
    >>> explorer = LinkExplorer(local_ms=53.7, loss_percent=0)
    >>> calm = explorer.p99
    >>> explorer.loss_percent = 2
    >>> explorer.p99 > 2 * calm
    True
    """

    _esm = script("link_explorer")

    rtt_ms = traitlets.Float(70.0).tag(sync=True)
    up_kbps = traitlets.Float(12_000.0).tag(sync=True)
    loss_percent = traitlets.Float(0.5).tag(sync=True)
    payload = traitlets.Unicode().tag(sync=True)
    p50 = traitlets.Float(0.0).tag(sync=True)
    p95 = traitlets.Float(0.0).tag(sync=True)
    p99 = traitlets.Float(0.0).tag(sync=True)
    _payloads = traitlets.List().tag(sync=True)
    _edges = traitlets.List(_EDGES.round(3).tolist()).tag(sync=True)
    _counts = traitlets.List().tag(sync=True)
    _local_ms = traitlets.Float().tag(sync=True)

    def __init__(
        self,
        local_ms: float,
        *,
        rtt_ms: float = 70.0,
        up_kbps: float = 12_000.0,
        loss_percent: float = 0.5,
        payloads: Mapping[str, int] | None = None,
    ) -> None:
        if not local_ms > 0:
            raise ValueError(f"local_ms is {local_ms}; the device needs more than 0 ms.")
        self.payloads = dict(payloads or PAYLOADS)
        self._lock = threading.RLock()
        self.trips = np.array([])
        super().__init__(
            rtt_ms=float(rtt_ms),
            up_kbps=float(up_kbps),
            loss_percent=float(loss_percent),
            payload=next(iter(self.payloads)),
            _payloads=list(self.payloads),
            _local_ms=float(local_ms),
        )
        self.observe(self._measure, names=["rtt_ms", "up_kbps", "loss_percent", "payload"])
        self._measure()

    def link(self) -> Link:
        """The link as the sliders say; a fifth of its round trip is jitter."""
        return Link(
            name="yours",
            rtt_ms=max(0.0, self.rtt_ms),
            jitter_ms=max(0.0, self.rtt_ms) / 5,
            up_kbps=max(1.0, self.up_kbps),
            down_kbps=max(1.0, self.up_kbps),
            loss=min(0.9, max(0.0, self.loss_percent / 100)),
        )

    def _measure(self, _: Any = None) -> None:
        with self._lock, self.hold_sync():
            size = self.payloads.get(self.payload, 1536)
            # A hundred seconds: nobody's patience, but the whole of the axis.
            self.trips = self.link().round_trips(_TRIPS, sent_bytes=size, give_up_ms=1e5)
            self.p50, self.p95, self.p99 = np.percentile(self.trips, [50, 95, 99]).tolist()
            within = self.trips.clip(_EDGES[0], _EDGES[-1])
            self._counts = np.histogram(within, _EDGES)[0].tolist()

    def _fallback_figure(self) -> plots.HouseFigure:
        return plots.latency_strips(
            {"this link": self.trips},
            local_ms=self._local_ms,
            title=f"p50 is {self.p50:,.0f} ms, and p99 is {self.p99:,.0f} ms",
        )

    def _fallback_text(self) -> str:
        return (
            f"{self.payload} over a link of {self.rtt_ms:.0f} ms, {self.up_kbps:,.0f} kbit/s and "
            f"{self.loss_percent:.1f} % loss: p50 {self.p50:,.0f} ms, p95 {self.p95:,.0f} ms, p99 "
            f"{self.p99:,.0f} ms. To try others, set rtt_ms, up_kbps, loss_percent and payload of "
            "this explorer and print its p99."
        )
