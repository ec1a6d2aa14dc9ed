"""Pruning: set the weights nearest to zero to zero while the others learn to do without them."""

import numpy as np

from course.training import keras


class Prune(keras.callbacks.Callback):
    """Prune Conv and Dense kernels while a model trains.

    Parameters
    ----------
    sparsity : share of each kernel that is zero in the end, from 0 to below 1.
    begin, end : training steps (batches) between which the share rises from 0.
    every : steps between two looks at which weights are the smallest.
    """

    def __init__(self, sparsity: float, *, begin: int = 0, end: int = 300, every: int = 10):
        super().__init__()
        if not 0 <= sparsity < 1:
            raise ValueError(f"sparsity must be from 0 to below 1, not {sparsity!r}.")
        if not 0 <= begin < end:
            raise ValueError(f"begin must be from 0 to below end ({end}), not {begin!r}.")
        self.sparsity, self.begin, self.end, self.every = sparsity, begin, end, every
        self.step = 0
        self.masks = {}

    def share(self) -> float:
        """Share of zeros at this step: fast at first, then ever slower, as the network recovers."""
        progress = min(max((self.step - self.begin) / (self.end - self.begin), 0), 1)
        # Zhu and Gupta, "To prune, or not to prune" (2017): a cubic curve.
        return self.sparsity * (1 - (1 - progress) ** 3)

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        look = self.step % self.every == 0 or self.step == self.end
        for kernel in kernels(self.model):
            weights = kernel.numpy()
            if (look and self.begin < self.step <= self.end) or kernel.path not in self.masks:
                # A weight that is zero stays zero: its size is 0, the smallest there is.
                count = round(self.share() * weights.size)
                mask = np.ones(weights.size, bool)
                mask[np.argsort(np.abs(weights), axis=None, kind="stable")[:count]] = False
                self.masks[kernel.path] = mask.reshape(weights.shape)
            # The optimizer has moved pruned weights a little: put them back on zero.
            kernel.assign(weights * self.masks[kernel.path])

    def on_train_end(self, logs=None):
        if self.step < self.end:
            print(f"Training ended after {self.step} steps of {self.end}: not yet all is pruned.")


def kernels(model) -> list:
    """The weight matrices of a model; biases are few and stay as they are."""
    return [each for each in model.trainable_variables if each.name.endswith("kernel")]
