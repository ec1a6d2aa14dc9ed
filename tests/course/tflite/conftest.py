"""Models that the tests of `course.tflite` share."""

import pytest

from tests import models


@pytest.fixture(scope="session")
def zoo():
    """Data, a trained Keras model and its ``.tflite`` files."""
    return models.zoo()


@pytest.fixture(scope="session")
def endless():
    """A model that loops forever."""
    import tensorflow as tf

    from course.training import keras  # noqa: F401  (TensorFlow starts quietly)

    @tf.function(input_signature=[tf.TensorSpec((1, 1), tf.float32)])
    def loop(x):
        return tf.while_loop(lambda y: tf.reduce_sum(tf.abs(y)) >= 0.0, lambda y: y * 0.5, [x])[0]

    converter = tf.lite.TFLiteConverter.from_concrete_functions([loop.get_concrete_function()])
    return converter.convert()
