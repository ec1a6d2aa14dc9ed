"""Clustering: let all weights of a layer share a few values, which compress well."""

import numpy as np

from course.tflite.prune import kernels
from course.training import keras


class Cluster(keras.callbacks.Callback):
    """Move the weights of each Conv and Dense kernel onto a few shared values.

    Parameters
    ----------
    count : values that each kernel may use, from 2 to 256.
    every : steps (batches) between two times that weights choose their value anew.

    Notes
    -----
    Between them weights that share a value move together, so training finds the best values.
    Zero is always one of them: a pruned model can be clustered, with both callbacks.
    """

    def __init__(self, count: int, *, every: int = 20):
        super().__init__()
        if not 2 <= count <= 256:
            raise ValueError(f"count must be from 2 to 256, not {count!r}.")
        self.count, self.every = count, every
        self.step = 0
        self.groups = {}

    def on_train_begin(self, logs=None):
        for kernel in kernels(self.model):
            weights = kernel.numpy()
            # To begin with, values at equal distances; zero is always one of them.
            values = np.linspace(weights.min(), weights.max(), self.count - 1)
            self.groups[kernel.path] = nearest(weights, np.append(values, 0))

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        for kernel in kernels(self.model):
            weights, groups = kernel.numpy(), self.groups[kernel.path]
            if self.step % self.every == 0:
                groups = nearest(weights, self.values(weights, groups))
                self.groups[kernel.path] = groups
            kernel.assign(self.values(weights, groups)[groups])

    def values(self, weights, groups):
        """The mean of each group of weights; the last group holds the zeros and stays on zero."""
        sums = np.bincount(groups.ravel(), weights.ravel(), minlength=self.count)
        means = sums / np.maximum(np.bincount(groups.ravel(), minlength=self.count), 1)
        means[-1] = 0
        return means.astype(weights.dtype)


def nearest(weights, values):
    """For each weight, the index of the nearest value."""
    return np.abs(weights[..., None] - values).argmin(axis=-1)
