"""Small models of every good and bad kind, trained once a session in a few seconds.

Pictures of 8 × 8 with one bright quarter stand for data; the label is which quarter.
"""

import functools
import importlib.util
import os
import platform
import sys
from dataclasses import dataclass

import numpy as np
import pytest

NAMES = ("north-west", "north-east", "south-west", "south-east")

_MICRO_IS_RELEASED = sys.platform == "linux" and platform.machine() == "x86_64"
needs_micro = pytest.mark.skipif(
    importlib.util.find_spec("tflite_micro") is None
    and not (os.environ.get("CI") and _MICRO_IS_RELEASED),
    reason="TFLite Micro is released for Linux on x86-64 only.",
)


@dataclass(frozen=True)
class Zoo:
    """Data, a trained Keras model, and what became of it.

    Attributes
    ----------
    known, hidden : (examples (N, 8, 8, 1) float32 from 0 to 1, labels (N,)).
    keras : the trained model.
    files : ``.tflite`` bytes by name, see `_Files`.
    """

    known: tuple
    hidden: tuple
    keras: object
    files: dict


def pictures(count, seed):
    """Examples and labels; a quarter is brighter than the noise of the rest."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    examples = rng.uniform(0, 0.7, (count, 8, 8, 1))
    for example, label in zip(examples, labels, strict=True):
        top, left = 4 * (label // 2), 4 * (label % 2)
        example[top : top + 4, left : left + 4] += rng.uniform(0.1, 0.3)
    return examples.clip(0, 1).astype(np.float32), labels


def network(keras, *, seed=0, unbalanced=False):
    """The untrained model; an unbalanced one answers the same to everything."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(6, 3, activation="relu", name="edges"),
            layers.MaxPooling2D(name="coarser"),
            layers.Flatten(name="row"),
            layers.Dense(24, activation="relu", name="mixed"),
            layers.Dense(4, activation="softmax", name="quarters"),
        ],
        # Names are in the file; Keras numbers what has none.
        name="network",
    )
    if unbalanced:
        kernel, bias = model.layers[-1].get_weights()
        model.layers[-1].set_weights([kernel * 0, bias + np.array([0, 0, 5, 0])])
    return model


def trained(keras, examples, labels, epochs=12):
    """The model, taught."""
    model = network(keras)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(examples, labels, batch_size=32, epochs=epochs, verbose=0)
    return model


def plain(keras, model):
    """What a learner gets who calls TensorFlow's converter and thinks of nothing else."""
    import tensorflow as tf

    keras.config.disable_interactive_logging()
    return tf.lite.TFLiteConverter.from_keras_model(model).convert()


class _Files(dict):
    """Converts each model when it is first asked for."""

    def __init__(self, keras, model, examples):
        super().__init__()
        self._keras, self._model, self._examples = keras, model, examples

    def __missing__(self, name):
        self[name] = data = self._make(name)
        return data

    def _make(self, name):
        from course.tflite import convert

        model, examples, options = self._model, self._examples, {}
        match name:
            case "float":
                return convert(model)
            case "dynamic" | "float16":
                return convert(model, quantize=name)
            case "int16x8":
                return convert(model, quantize=name, representative_dataset=examples)
            case "dynamic batch":
                return plain(self._keras, model)
            case "board":
                options = {"for_board": True}
            case "uint8 io" | "float io":
                options = {"io": {"uint8 io": "uint8", "float io": "float32"}[name]}
            case "dark calibration":
                examples = examples / 10
            case "bright calibration":
                examples = examples * 20
            case "majority":
                model = network(self._keras, unbalanced=True)
            case "shuffled labels":
                known = pictures(600, 1)
                labels = np.random.default_rng(0).permutation(known[1])
                model = trained(self._keras, known[0], labels, epochs=3)
            case "other shape":
                model = self._keras.Sequential(
                    [self._keras.Input((7, 3)), self._keras.layers.Flatten(),
                     self._keras.layers.Dense(4)]
                )  # fmt: skip
                examples = np.random.default_rng(0).normal(size=(20, 7, 3))
            case "int8":
                pass
            case _:
                raise KeyError(name)
        return convert(model, quantize="int8", representative_dataset=examples, **options)


@functools.cache
def zoo():
    """Everything; the model is trained at the first call."""
    from course.training import keras

    known, hidden = pictures(600, 1), pictures(400, 2)
    model = trained(keras, *known)
    return Zoo(known, hidden, model, _Files(keras, model, known[0][:100]))
