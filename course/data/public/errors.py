"""What can go wrong with data that others host, each a full sentence for the learner."""

from __future__ import annotations


class PublicDataError(Exception):
    """A public data set cannot be had or read; the message says why and what to do.

    A notebook shows the message alone: where in the course's own code it arose helps nobody.
    """

    def _render_traceback_(self) -> list[str]:
        # IPython asks an exception for this before it draws a traceback of its own.
        return [str(self)]


class FetchError(PublicDataError):
    """A download failed; what has come is kept, and the next attempt goes on from there."""


class OfflineError(FetchError):
    """The server is out of reach; the message names a data set that needs no network."""


class ArchiveError(PublicDataError):
    """A fetched file is not what it should be; the message names the member."""
