"""Chance that does not depend on how much else is asked for."""

from __future__ import annotations

import numpy as np


def chance(seed: int, person: int, purpose: int) -> np.random.Generator:
    """Return chance that depends on nothing but these; purpose 0 is the person's own.

    Parameters
    ----------
    seed : int
    person : int
        Who, or which machine.
    purpose : int
        What it is for: a number for each label and each kind of recording.
    """
    # The same as SeedSequence(seed).spawn(…)[person].spawn(…)[purpose].
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(person, purpose)))
