"""Prune and Cluster: callbacks short enough to print, that keep their word while a model trains."""

import inspect as source
import zlib

import numpy as np
import pytest

from course.tflite import Runner, convert


@pytest.fixture(scope="module")
def callbacks(zoo):
    """The callbacks; importing them starts TensorFlow, which the zoo has done already."""
    from course.tflite.cluster import Cluster
    from course.tflite.prune import Prune, kernels

    return Prune, Cluster, kernels


def taught(zoo, *callbacks, epochs=5):
    """A copy of the trained model, trained on with callbacks; 19 steps an epoch."""
    from course.training import keras

    keras.utils.set_random_seed(0)
    model = keras.models.clone_model(zoo.keras)
    model.set_weights(zoo.keras.get_weights())
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*zoo.known, epochs=epochs, batch_size=32, verbose=0, callbacks=list(callbacks))
    return model


def converted(zoo, model):
    return convert(
        model, quantize="int8", representative_dataset=zoo.known[0][:100], for_board=True
    )


def accuracy(zoo, data):
    with Runner(data) as runner:
        return (runner.predict(zoo.hidden[0]).argmax(axis=1) == zoo.hidden[1]).mean()


def shares(model, kernels):
    return [float((kernel.numpy() == 0).mean()) for kernel in kernels(model)]


def test_pruning_reaches_its_share_and_only_the_compressed_file_shrinks(zoo, callbacks):
    prune, _, kernels = callbacks
    model = taught(zoo, prune(0.6, end=80))
    assert shares(model, kernels) == pytest.approx([0.6] * 3, abs=0.01)
    before, after = zoo.files["board"], converted(zoo, model)
    assert len(after) == len(before)
    assert len(zlib.compress(after, 9)) < 0.85 * len(zlib.compress(before, 9))
    # The int8 file holds as many zeros as the Keras model.
    assert accuracy(zoo, after) > accuracy(zoo, before) - 0.1


def test_pruned_weights_stay_zero_while_training_goes_on(zoo, callbacks):
    from course.training import keras

    prune, _, kernels = callbacks
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append([kernel.numpy() == 0 for kernel in kernels(self.model)])

    pruning = prune(0.5, begin=5, end=40)
    taught(zoo, pruning, Watch(), epochs=4)
    assert [each.mean() for each in seen[0]] == [0, 0, 0]
    done = seen[39]
    for later in seen[40:]:
        for old, new in zip(done, later, strict=True):
            assert (new == old).all()


def test_the_share_rises_fast_and_then_ever_slower(callbacks):
    pruning = callbacks[0](0.8, begin=100, end=200)
    found = []
    for pruning.step in (0, 100, 125, 150, 175, 200, 900):
        found.append(pruning.share())
    assert found[:2] == [0, 0]
    assert found[-2:] == [0.8, 0.8]
    steps = np.diff(found[1:-1])
    assert (steps > 0).all()
    assert (np.diff(steps) < 0).all()


def test_training_that_ends_too_soon_says_so(zoo, callbacks, capsys):
    taught(zoo, callbacks[0](0.5, end=1000), epochs=1)
    assert "not yet all is pruned" in capsys.readouterr().out


def test_clustering_leaves_so_many_values_and_compresses(zoo, callbacks):
    _, cluster, kernels = callbacks
    model = taught(zoo, cluster(8))
    for kernel in kernels(model):
        values = np.unique(kernel.numpy())
        assert len(values) <= 8
        assert 0 in values
    before, after = zoo.files["board"], converted(zoo, model)
    assert len(zlib.compress(after, 9)) < 0.85 * len(zlib.compress(before, 9))
    assert accuracy(zoo, after) > accuracy(zoo, before) - 0.1


def test_a_model_can_be_pruned_and_clustered_at_once(zoo, callbacks):
    prune, cluster, kernels = callbacks
    model = taught(zoo, cluster(16), prune(0.5, end=80))
    assert shares(model, kernels) == pytest.approx([0.5] * 3, abs=0.01)
    assert all(len(np.unique(kernel.numpy())) <= 16 for kernel in kernels(model))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, {"sparsity": 1}), "sparsity must be"),
        ((0, {"sparsity": 0.5, "begin": 9, "end": 9}), "begin must be"),
        ((1, {"count": 1}), "count must be"),
        ((1, {"count": 300}), "count must be"),
    ],
)
def test_impossible_options_get_a_sentence(callbacks, arguments, words):
    which, options = arguments
    with pytest.raises(ValueError, match=words):
        callbacks[which](**options)


def test_each_is_short_enough_to_be_printed_in_a_notebook(callbacks):
    for callback in callbacks[:2]:
        module = source.getmodule(callback)
        assert len(source.getsource(module).splitlines()) <= 60
