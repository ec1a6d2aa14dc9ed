"""Part of a data set: as many of each label as there is room for, drawn by a seed."""

from __future__ import annotations

import numpy as np


def balanced(labels: np.ndarray, limit: int | None, seed: int) -> np.ndarray:
    """Choose at most `limit` examples, the same number of each label as far as they go.

    Parameters
    ----------
    labels : int array, shape (N,)
    limit : int or None
        None for all.
    seed : int

    Returns
    -------
    int array
        Indices in ascending order.
    """
    labels = np.asarray(labels)
    if limit is None or limit >= len(labels):
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        own = order[labels[order] == label]
        turn[own] = np.arange(len(own))
    # One of each label, then a second one of each, until there are enough.
    return np.sort(order[np.argsort(turn[order], kind="stable")][:limit])


def numbered(groups: list[str]) -> np.ndarray:
    """Give each group a number, from 0, in the order of their names, shape (N,), int64."""
    if not groups:
        return np.zeros(0, dtype=np.int64)
    return np.unique(np.array(groups), return_inverse=True)[1].astype(np.int64)
