"""Rebuild a Keras model with depthwise-separable convolutions, and keep what it knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from course.tflite.run import ModelError

__all__ = ["separated"]


def separated(
    model: Any,
    pair: Callable[[Any], list],
    halves: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> Any:
    """A copy of a sequential model with two layers in the place of each convolution but the first.

    Parameters
    ----------
    model : a Keras Sequential model that was trained.
    pair : from a convolution to the depthwise and the pointwise layer in its place.
    halves : from a convolution's kernel, shape (height, width, channels, filters), to the kernels
        of these two, shapes (height, width, channels, 1) and (1, 1, channels, filters).

    Returns
    -------
    keras.Sequential
        It begins with the old biases and all other layers' weights.

    Raises
    ------
    ModelError
        If the model is not sequential, or a pair or its halves do not fit.
    """
    from course.training import keras

    if not isinstance(model, keras.Sequential):
        raise ModelError("The model must be a keras.Sequential, one layer after the other.")
    new = keras.Sequential([keras.Input(model.input_shape[1:])])
    first = True
    for layer in model.layers:
        if first or type(layer) is not keras.layers.Conv2D:
            first = first and type(layer) is not keras.layers.Conv2D
            copy = type(layer).from_config(layer.get_config())
            new.add(copy)
            copy.set_weights(layer.get_weights())
        else:
            _add_pair(new, layer, pair(layer), halves, keras)
    return new


def _add_pair(new: Any, layer: Any, made: Any, halves: Callable, keras: Any) -> None:
    kinds = (keras.layers.DepthwiseConv2D, keras.layers.Conv2D)
    fits = isinstance(made, (list, tuple)) and len(made) == 2
    if not fits or not all(type(each) is kind for each, kind in zip(made, kinds, strict=True)):
        raise ModelError(
            "The pair must be a list of two layers: a DepthwiseConv2D, then a Conv2D of size 1."
        )
    down, across = made[0].strides
    if down != across:
        raise ModelError(
            f"The depthwise layer has strides of {down} and {across}. TensorFlow trains only equal "
            "ones: give it the first for both."
        )
    weights = layer.get_weights()
    try:
        for each in made:
            new.add(each)
        for each, kernel in zip(made, halves(weights[0]), strict=True):
            each.kernel.assign(kernel)
        if layer.use_bias and made[1].use_bias:
            made[1].bias.assign(weights[1])
    except (ValueError, TypeError, RuntimeError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"The pair does not fit in the place of {layer.name}: {first[:200]}"
        ) from error
    if made[1].output.shape != _shape_behind(layer, made[0].input.shape):
        raise ModelError(
            f"The pair gives shape {tuple(made[1].output.shape[1:])} where {layer.name} gave "
            f"{tuple(_shape_behind(layer, made[0].input.shape)[1:])}: take over its stride, its "
            "padding and its filters."
        )


def _shape_behind(layer: Any, shape: tuple) -> tuple:
    return tuple(layer.compute_output_shape(tuple(shape)))
