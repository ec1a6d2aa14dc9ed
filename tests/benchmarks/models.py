"""What quantization does to two small models: bytes, arena, accuracy lost, time to judge."""

import time

import numpy as np

from autograder import require
from course import artefacts
from course.data import gestures, keywords
from course.tflite import Runner, arena, convert, inspect
from course.training import keras

#: Hidden classes that accuracy is measured on.
SEEDS = range(7000, 7005)


def seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def scaled(features):
    return (features.astype(np.float32) + 128)[..., None] / 256


def keyword_model():
    """Trained on the voices that ship; the recipe of the lab `speech_yes_no`."""
    keras.utils.set_random_seed(1)
    layers, data = keras.layers, keywords.generate(seed=0)
    rng = np.random.default_rng(1)

    def shifted():
        rows = rng.integers(-4, 5, len(data))
        moved = [np.roll(clip, row, axis=0) for clip, row in zip(data.examples, rows, strict=True)]
        return np.stack(moved)

    x = scaled(np.concatenate([data.examples, *(shifted() for _ in range(3))]))
    model = keras.Sequential([
        keras.Input((49, 40, 1)),
        layers.Conv2D(8, (10, 8), strides=2, padding="same", activation="relu"),
        layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
        layers.Dropout(0.4), layers.Flatten(), layers.Dense(4, activation="softmax"),
    ])  # fmt: skip
    steps = 10 * (len(x) // 64 + 1)
    adam = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps))
    model.compile(adam, "sparse_categorical_crossentropy")
    model.fit(x, np.tile(data.labels, 4), epochs=10, batch_size=64, verbose=0)
    return model, scaled(data.examples[::10])


def gesture_model():
    model = keras.models.load_model(artefacts.REFERENCES / "gesture.keras", compile=False)
    return model, gestures.generate(people=20, takes_per_label=4, seed=0).examples / 1000


def hidden(name, seed):
    if name == "gestures":
        data = gestures.generate(people=30, takes_per_label=10, seed=seed)
        return data.examples / 1000, data.labels
    data = keywords.generate(people=30, clips_per_label=4, seed=seed)
    return scaled(data.examples), data.labels


def measure():
    yield from measured("gestures", *gesture_model(), most_bytes=12_000, most_arena=8_000)
    yield from measured("keywords", *keyword_model(), most_bytes=20_000, most_arena=12_000)


def measured(name, model, calibration, *, most_bytes, most_arena):
    plain = convert(model)
    small = convert(
        model, quantize="int8", representative_dataset=calibration, io="int8", for_board=True
    )
    x, labels = hidden(name, SEEDS[0])
    judges = {
        "arena": lambda: require.arena(small, most_arena),
        "size": lambda: require.size(small, most_bytes),
        "weights": lambda: require.weights_ratio(small),
        "calibration": lambda: require.calibration(small, x[:100]),
        "accuracy": lambda: require.model_accuracy(small, x, labels, 0.8),
    }
    took = {judge: seconds(call) for judge, call in judges.items()}
    sizes = f"{len(plain):,} → {len(small):,} B"
    yield f"{name}: file, float → int8 (at most {most_bytes:,})", sizes
    ratio = inspect(small).weights_bytes / inspect(plain).weights_bytes
    yield f"{name}: int8 weights of the float ones (at most 27 %)", f"{ratio:.1%}"
    yield f"{name}: arena (at most {most_arena:,})", f"{arena(small).bytes:,} B"
    lost, reached = [], []
    float_runner, int8_runner = Runner(plain), Runner(small, engine="reference")
    for seed in SEEDS:
        x, labels = hidden(name, seed)
        before = (float_runner(x).argmax(axis=1) == labels).mean()
        reached.append((int8_runner.predict(x).argmax(axis=1) == labels).mean())
        lost.append(100 * (before - reached[-1]))
    yield (
        f"{name}: int8 accuracy on {len(SEEDS)} hidden classes",
        (f"{np.mean(reached):.1%}, least {min(reached):.1%}"),
    )
    yield f"{name}: points lost (at most 1)", f"{np.mean(lost):.2f}, most {max(lost):.2f}"
    slowest = max(took, key=took.get)
    yield f"{name}: slowest judge (limit 3 s)", f"{slowest}, {took[slowest]:.2f} s"
