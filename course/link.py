"""Links to simulate: round trip, jitter, bandwidth, loss and outages, the same by every seed.

One model of delay serves two clocks. `Distant` puts a link in front of a model: with
``live=True`` it really waits, so that a learner feels the delay; otherwise it moves a simulated
clock and returns at once. Whatever is graded uses the simulated clock, so that a busy machine
changes nothing.

The model, for a request of some bytes and its answer: carry the request up, travel, compute,
travel back, carry the answer down. The travelling takes ``rtt_ms`` plus a random part with the mean
``jitter_ms``. Each packet is lost with the probability ``loss``. As in TCP, a loss in the middle of
many packets costs one more round trip, because the packets behind it report it. A loss among the
last three has no such witness: the sender waits for the retransmission timeout, sends again and
doubles the timeout. Slow start is left out.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

__all__ = [
    "GIVE_UP_MS",
    "PRESETS",
    "Distant",
    "Link",
    "LinkDown",
    "Local",
    "Model",
    "on_scripted_links",
    "preset",
    "timed",
]

#: An application that gives up on a request does so after this long, unless it says otherwise.
GIVE_UP_MS = 10_000.0
#: A live link never waits longer than this for one request.
LONGEST_LIVE_WAIT_MS = 10_000.0
#: Payload of a TCP segment on Ethernet: 1,500 bytes less two headers of 20.
PACKET_BYTES = 1460
#: What HTTP adds to a request or an answer: a request line or status line and its headers.
HTTP_BYTES = 180
#: So many later packets must arrive before a lost one is sent again without waiting (RFC 5681).
WITNESSES = 3
#: Linux waits at least this long before it sends a packet again (TCP_RTO_MIN; RFC 6298 says 1 s).
SHORTEST_TIMEOUT_MS = 200.0
#: Linux gives a connection up after 15 retransmissions (tcp_retries2).
MOST_SENDS = 16


class LinkDown(TimeoutError):
    """No answer came in time: the request or its answer was lost, or the link is down."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link to a server, as a handful of numbers.

    Attributes
    ----------
    name : what to call it.
    rtt_ms : round trip time of an empty request, in ms.
    jitter_ms : mean of the random time that comes on top, in ms.
    up_kbps, down_kbps : bandwidth towards the server and back, in 1,000 bits a second.
    loss : probability that a packet is lost, from 0 up to, but not including, 1.
    outages : when nothing gets through, as pairs (start, end) in seconds on the link's clock.
    seed : what the randomness grows from; the same seed gives the same trips.
    source : where the figures come from.

    Raises
    ------
    ValueError
        When a figure is not possible.

    Examples
    --------
    >>> link = Link(name="line", rtt_ms=40, up_kbps=800)
    >>> link.carry_ms(1000)
    10.0
    >>> link.round_trips(3, sent_bytes=1000 - HTTP_BYTES).tolist()
    [50.0, 50.0, 50.0]
    """

    name: str = "link"
    rtt_ms: float
    jitter_ms: float = 0.0
    up_kbps: float = math.inf
    down_kbps: float = math.inf
    loss: float = 0.0
    outages: tuple[tuple[float, float], ...] = ()
    seed: int = 0
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("rtt_ms", "jitter_ms"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value}; it must be a number of milliseconds.")
        for name in ("up_kbps", "down_kbps"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0.")
        if not 0 <= self.loss < 1:
            raise ValueError(f"loss is {self.loss}; it must be a share from 0 to less than 1.")
        for outage in self.outages:
            if len(outage) != 2 or not outage[0] <= outage[1]:
                raise ValueError(f"An outage is a pair (start, end) in seconds, not {outage!r}.")

    def but(self, **changes: Any) -> Link:
        """The same link with some figures changed, such as ``link.but(loss=0.05)``."""
        return replace(self, **changes)

    def unplugged(self, start_s: float = 0.0, end_s: float = math.inf) -> Link:
        """The same link with one more outage, by default for good."""
        return replace(self, outages=(*self.outages, (float(start_s), float(end_s))))

    def carry_ms(self, size_bytes: float, *, down: bool = False) -> float:
        """How long the link takes to carry that many bytes, in ms, travelling time not included."""
        return 8 * size_bytes / (self.down_kbps if down else self.up_kbps)

    @property
    def timeout_ms(self) -> float:
        """The first retransmission timeout, in ms: RFC 6298's formula with Linux's minimum."""
        # RFC 6298: smoothed round trip (jitter included) plus four times its variation.
        return max(SHORTEST_TIMEOUT_MS, self.rtt_ms + 5 * self.jitter_ms)

    def round_trips(
        self,
        count: int,
        *,
        sent_bytes: int = 1536,
        received_bytes: int = 120,
        server_ms: float = 0.0,
        every_s: float = 1.0,
        give_up_ms: float = GIVE_UP_MS,
    ) -> np.ndarray:
        """Simulate requests; nothing waits.

        Parameters
        ----------
        count : how many.
        sent_bytes, received_bytes : size of a request and its answer; HTTP's headers come on top.
            128 readings of three float32 values are 1,536 bytes.
        server_ms : how long the server computes, in ms.
        every_s : time between two requests, in s, which matters for outages.
        give_up_ms : what a request that found no answer in this time counts, in ms.

        Returns
        -------
        (count,) array of float64
            Milliseconds from asking to the whole answer.
        """
        chance = np.random.default_rng(self.seed)
        trips = [
            self.trip_ms(
                chance,
                at_ms=1000 * every_s * number,
                sent_bytes=sent_bytes,
                received_bytes=received_bytes,
                server_ms=server_ms,
            )
            for number in range(count)
        ]
        return np.minimum(np.array(trips, float), give_up_ms)

    def trip_ms(
        self,
        chance: np.random.Generator,
        *,
        at_ms: float,
        sent_bytes: int,
        received_bytes: int,
        server_ms: float = 0.0,
    ) -> float:
        """Milliseconds of one request that is sent at ``at_ms``; infinite when none gets through.

        Parameters
        ----------
        chance : where the randomness comes from.
        at_ms : the time on the link's clock, in ms.
        sent_bytes, received_bytes, server_ms : see `round_trips`.
        """
        up, down = sent_bytes + HTTP_BYTES, received_bytes + HTTP_BYTES
        packets = [math.ceil(size / PACKET_BYTES) for size in (up, down)]
        last = sum(min(WITNESSES, count) for count in packets)
        arrives = (1 - self.loss) ** last
        useful = self.carry_ms(up) + self.rtt_ms + server_ms + self.carry_ms(down, down=True)
        if self.loss and sum(packets) > last:
            useful += self.rtt_ms * int(chance.binomial(sum(packets) - last, self.loss))
        waited, timeout = 0.0, self.timeout_ms
        for _ in range(MOST_SENDS):
            jitter = float(chance.exponential(self.jitter_ms)) if self.jitter_ms else 0.0
            if chance.random() < arrives and not self._is_out(at_ms + waited):
                return waited + useful + jitter
            waited, timeout = waited + timeout, 2 * timeout
        return math.inf

    def _is_out(self, at_ms: float) -> bool:
        return any(start <= at_ms / 1000 < end for start, end in self.outages)


# Round trip and bandwidth of the first four: WebPageTest's connectivity profiles "Cable", "LTE",
# "3G" and "3G Slow" (connectivity.ini.sample). Those know no jitter and no loss; jitter and loss
# are plain ranges: what ping shows on such links, 1 % of packets lost counting as a bad day.
PRESETS: dict[str, Link] = {
    "wifi": Link(
        name="wifi", rtt_ms=28, jitter_ms=4, up_kbps=1000, down_kbps=5000, loss=0.002,
        source="WebPageTest, profile Cable; jitter and loss: plain range",
    ),
    "4G": Link(
        name="4G", rtt_ms=70, jitter_ms=15, up_kbps=12_000, down_kbps=12_000, loss=0.005,
        source="WebPageTest, profile LTE; jitter and loss: plain range",
    ),
    "3G": Link(
        name="3G", rtt_ms=300, jitter_ms=60, up_kbps=768, down_kbps=1600, loss=0.01,
        source="WebPageTest, profile 3G; jitter and loss: plain range",
    ),
    "poor 3G": Link(
        name="poor 3G", rtt_ms=400, jitter_ms=120, up_kbps=400, down_kbps=400, loss=0.03,
        source="WebPageTest, profile 3G Slow; jitter and loss: plain range",
    ),
    # Four times 35,786 km at the speed of light are 477 ms; ground stations add the rest.
    "satellite": Link(
        name="satellite", rtt_ms=600, jitter_ms=40, up_kbps=2000, down_kbps=10_000, loss=0.01,
        source="geostationary orbit, 35,786 km; the rest: plain range",
    ),
    # A connection event every 30 ms, and some 100 of the 1,000 kbit/s on air left for an
    # application that does not tune its packets.
    "bluetooth": Link(
        name="bluetooth", rtt_ms=60, jitter_ms=15, up_kbps=100, down_kbps=100, loss=0.005,
        source="Bluetooth Low Energy, 30 ms connection interval; plain range",
    ),
}  # fmt: skip
"""Links by name, each with its source; a *plain range* is typical and not a published figure."""


def preset(name: str) -> Link:
    """One of `PRESETS` by name.

    Raises
    ------
    ValueError
        When there is none of that name; the message lists the names.
    """
    if name not in PRESETS:
        raise ValueError(f"There is no link called {name!r}; there are {', '.join(PRESETS)}.")
    return PRESETS[name]


class Model(Protocol):
    """What gives scores for a window; `course.inference_server.Remote` does."""

    def predict(self, window: np.ndarray) -> np.ndarray:
        """Scores, one a label."""


class Distant:
    """A model behind a link.

    Parameters
    ----------
    link : the link.
    model : what answers at the other end: an object with ``predict``, or a function.
    live : really wait, at most `LONGEST_LIVE_WAIT_MS` a request; else only move a clock. By default
        whatever the model says of itself (`course.inference_server.Remote` is live), else False.
    server_ms : how long the other end computes, in ms, where the clock is simulated.

    Attributes
    ----------
    clock_ms : the link's clock; each request moves it on by what it took.
    last_ms : what the latest request took, in ms: measured when live, else simulated.

    Examples
    --------
    >>> far = Distant(Link(rtt_ms=100), lambda window: np.array([0.2, 0.8]))
    >>> far.predict(np.zeros((128, 3), np.float32)).argmax(), far.clock_ms
    (np.int64(1), 100.0)
    """

    def __init__(
        self,
        link: Link,
        model: Model | Callable[[np.ndarray], np.ndarray],
        *,
        live: bool | None = None,
        server_ms: float = 0.0,
    ) -> None:
        self.link = link
        self.live = bool(getattr(model, "live", False)) if live is None else live
        self.clock_ms = self.last_ms = 0.0
        self._answer = model.predict if hasattr(model, "predict") else model
        self._server_ms = server_ms
        self._chance = np.random.default_rng(link.seed)

    def predict(self, window: np.ndarray, *, timeout_ms: float = GIVE_UP_MS) -> np.ndarray:
        """Scores for a window, after as long as the link takes.

        Parameters
        ----------
        window : what the model takes.
        timeout_ms : how long to wait for the answer, in ms.

        Raises
        ------
        LinkDown
            When no answer came in that time. The clock has moved on by ``timeout_ms``.
        """
        began = time.perf_counter()
        window = np.asarray(window)
        took = self.link.trip_ms(
            self._chance,
            at_ms=self.clock_ms,
            # A float32 is 4 bytes, whatever NumPy holds it in.
            sent_bytes=4 * window.size,
            received_bytes=120,
            server_ms=0.0 if self.live else self._server_ms,
        )
        allowed = max(0.0, float(timeout_ms))
        if self.live:
            allowed = min(allowed, LONGEST_LIVE_WAIT_MS)
        if took > allowed:
            self._wait(allowed, began)
            raise LinkDown(f"No answer came over {self.link.name} within {allowed:.0f} ms.")
        scores = self._answer(window)
        self._wait(took, began)
        return scores

    def _wait(self, ms: float, began: float) -> None:
        self.clock_ms += ms
        if self.live:
            # The link's time comes on top of what the server and HTTP have taken.
            time.sleep(ms / 1000)
        self.last_ms = 1000 * (time.perf_counter() - began) if self.live else ms


class Local:
    """A model on the device itself: it always answers, and takes its time.

    Parameters
    ----------
    model : an object with ``predict``, or a function.
    milliseconds : how long one answer takes, in ms.
    """

    def __init__(
        self, model: Model | Callable[[np.ndarray], np.ndarray], *, milliseconds: float
    ) -> None:
        self.milliseconds = float(milliseconds)
        self.clock_ms = 0.0
        self._answer = model.predict if hasattr(model, "predict") else model

    def predict(self, window: np.ndarray) -> np.ndarray:
        """Scores for a window."""
        self.clock_ms += self.milliseconds
        return self._answer(window)


def timed(model: Model, window: np.ndarray) -> tuple[np.ndarray, float]:
    """Ask a model once and stop the time; behind a simulated link, the simulated time.

    Parameters
    ----------
    model : an object with ``predict``.
    window : what it takes.

    Returns
    -------
    (scores, milliseconds)
    """
    began = time.perf_counter()
    scores = model.predict(window)
    took = 1000 * (time.perf_counter() - began)
    return scores, getattr(model, "last_ms", took)


@dataclass
class _ScriptedServer:
    """A server whose next answer is written down: after so many ms, or never."""

    scores: np.ndarray
    trip_ms: float
    clock_ms: float = 0.0
    asked: int = field(default=0)

    def predict(self, window: np.ndarray, *, timeout_ms: float = GIVE_UP_MS) -> np.ndarray:
        self.asked += 1
        allowed = max(0.0, float(timeout_ms))
        if self.trip_ms > allowed:
            self.clock_ms += allowed
            raise LinkDown(f"No answer came within {allowed:.0f} ms.")
        self.clock_ms += self.trip_ms
        return self.scores.copy()


def on_scripted_links(function: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Let a function answer over links on which it is written down what happens; nothing waits.

    Parameters
    ----------
    function : called as ``function(window, server, local, deadline_ms)``; ``server.predict(window,
        timeout_ms=…)`` gives scores or raises `LinkDown`, ``local.predict(window)`` gives scores
        after ``local.milliseconds``.

    Returns
    -------
    callable
        Called with ``(window, script)``, where the script is a dict with ``trip_ms`` (infinite
        when the link is down), ``local_ms``, ``deadline_ms``, ``server_scores`` and
        ``local_scores``. It returns what the function gave as ``label``, the simulated ``ms`` it
        took, how often it asked ``server`` and ``local``, and as ``error`` what it raised.
    """
    # Not a function: nothing to wrap, and the check says so itself.
    if not callable(function):
        return function

    @functools.wraps(function)
    def run(window: np.ndarray, script: dict[str, Any]) -> dict[str, Any]:
        server = _ScriptedServer(np.asarray(script["server_scores"], float), script["trip_ms"])
        scores = np.asarray(script["local_scores"], float)
        local = Local(lambda window: scores.copy(), milliseconds=script["local_ms"])
        label, error = None, ""
        try:
            label = function(window, server, local, script["deadline_ms"])
        except KeyboardInterrupt:
            raise
        except Exception as raised:  # whatever a learner's function raises is for the check to say
            error = f"{type(raised).__name__}: {raised}"
        return {
            "label": label,
            "ms": server.clock_ms + local.clock_ms,
            "server": server.asked,
            "local": round(local.clock_ms / local.milliseconds),
            "error": error,
        }

    return run


def summary(links: Sequence[Link]) -> str:
    """Links and their figures as lines of text, sources included."""
    lines = []
    for link in links:
        lines.append(
            f"{link.name:<10} round trip {link.rtt_ms:.0f} ms, jitter {link.jitter_ms:.0f} ms, "
            f"up {link.up_kbps:,.0f} kbit/s, loss {100 * link.loss:.1f} %  ({link.source})"
        )
    return "\n".join(lines)
