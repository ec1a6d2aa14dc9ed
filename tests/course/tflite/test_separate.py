"""Rebuilding a model with depthwise-separable convolutions."""

import numpy as np
import pytest

from course.tflite import ModelError
from course.tflite.separate import separated

keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def model():
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((16, 3)),
            layers.Reshape((16, 1, 3)),
            layers.Conv2D(4, (5, 1), (2, 1), padding="same", activation="relu"),
            layers.Conv2D(6, (5, 1), padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )


def pair(convolution):
    return [
        keras.layers.DepthwiseConv2D(convolution.kernel_size, padding="same", use_bias=False),
        keras.layers.Conv2D(convolution.filters, 1, activation="relu"),
    ]


def product(kernel):
    """Halves of a kernel that is a product, column times row for each channel."""
    row = kernel[2, 0]
    return kernel[:, :, :, :1] / kernel[2:3, :, :, :1], row[None, None]


def test_separated_answers_the_same_where_the_kernel_is_a_product(model):
    rng = np.random.default_rng(0)
    column, row = rng.uniform(0.5, 1, (5, 1, 4, 1)), rng.normal(size=(1, 1, 4, 6))
    model.layers[2].set_weights([column * row, rng.normal(size=6)])
    x = rng.normal(size=(8, 16, 3)).astype(np.float32)
    new = separated(model, pair, product)
    np.testing.assert_allclose(new(x).numpy(), model(x).numpy(), atol=1e-4)
    assert new.count_params() == model.count_params() - 5 * 4 * 6 + 5 * 4 + 4 * 6


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda convolution: None, "list of two layers"),
        (lambda convolution: pair(convolution)[::-1], "list of two layers"),
        (
            lambda convolution: [
                keras.layers.DepthwiseConv2D((5, 1), (2, 1)),
                keras.layers.Conv2D(6, 1),
            ],
            "only equal ones",
        ),
        (
            lambda convolution: [
                keras.layers.DepthwiseConv2D((5, 1), use_bias=False),
                keras.layers.Conv2D(6, 1),
            ],
            "gives shape",
        ),
        (
            lambda convolution: [
                keras.layers.DepthwiseConv2D((3, 1), padding="same"),
                keras.layers.Conv2D(6, 1),
            ],
            "does not fit",
        ),
    ],
)
def test_separated_says_what_is_wrong_with_a_pair(model, wrong, said):
    with pytest.raises(ModelError, match=said):
        separated(model, wrong, product)


def test_separated_wants_a_sequential_model():
    with pytest.raises(ModelError, match="Sequential"):
        separated(object(), pair, product)
