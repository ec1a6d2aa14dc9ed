"""On-Device: what the notebooks import, and the ``course`` command."""

__version__ = "0.1.0"
