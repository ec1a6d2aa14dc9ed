# ---
# jupyter:
#   course:
#     title: From Keras to a device
#     slug: conversion
#     minutes: 55
#     headless_seconds: 40
#     objectives:
#       - Read the first bytes of a model file, and find your weights in it
#       - Convert a Keras model with a batch that a device can rely on
#       - Prove that another engine answers the same, and say how same is enough
#       - Notice files that convert without an error and answer nonsense
#       - Replace an operator that devices lack, and list the kernels that a board needs
#     needs:
#       - gesture.keras
#     builds:
#       - gesture.tflite
# ---

# %% [markdown]
# # From Keras to a device
#
# Your wand model is some 4,500 numbers of 4 bytes: 18 kB. Its file `gesture.keras`
# has 100 kB, and no phone can open it. Since Module 03 another file has answered
# for it, `gesture.tflite`. What is in there? And how do you know that it is still
# your model?
#
# *55 minutes for you. A machine runs all of it in 40 seconds.*
#
# **Press Shift + Enter.** This is that file, byte by byte. The bar on top is all of it.
# Move over the bytes, or walk with the arrow keys. **Look for** a word that you can
# read, and for the blocks that are weights.

# %%
import numpy as np

from autograder import open_checks
from course import artefacts, plots, widgets
from course.data import gestures
from course.tflite import ModelError, Runner, convert
from course.tflite.inspect import inspect

check = open_checks("conversion")
shipped = artefacts.tflite("gesture").read_bytes()
widgets.HexView(shipped)

# %% [markdown]
# Four fifths are weights, as they are, nothing packed. The rest says what to do
# with them.
#
# ## 1. Is this a model at all?
#
# The format is a **flatbuffer**: tables that name places in the file, so many bytes
# further on. A phone maps the file into memory and reads it where it lies. Nothing
# is unpacked, nothing copied.
#
# Files get renamed on their way, or cut off. Two facts tell the worst at once:
#
# - Bytes 4 to 7 are the **identifier**, the letters `TFL3`.
# - Bytes 0 to 3 are a whole number, **little-endian**: the lowest byte comes first. It
#   is the place of the root table, which begins with four bytes of its own.
#
# Your function receives a whole file as `bytes`, of any length. It returns the
# place of the root table, or `None` if the identifier is another one, or if the
# root table's four bytes do not lie inside the file.

# %% task="root-table"
def root_table(data: bytes) -> int | None:
    """Place of the root table in a .tflite file; None for any other file."""
    ### BEGIN SOLUTION
    place = int.from_bytes(data[:4], "little")
    if data[4:8] != b"TFL3" or place + 4 > len(data):
        return None
    return place
    ### END SOLUTION

# %% wrong="root-table" because="its highest byte first"
def root_table(data):
    place = int.from_bytes(data[:4], "big")
    return place if data[4:8] == b"TFL3" and place + 4 <= len(data) else None

# %% wrong="root-table" because="beyond the end of the file"
def root_table(data):
    return int.from_bytes(data[:4], "little") if data[4:8] == b"TFL3" else None

# %% wrong="root-table" because="identifier at byte 0"
def root_table(data):
    return int.from_bytes(data[4:8], "little") if data[:4] == b"TFL3" else None

# %% wrong="root-table" because="TFL3 anywhere"
def root_table(data):
    place = int.from_bytes(data[:4], "little")
    return place if b"TFL3" in data and place + 4 <= len(data) else None

# %% wrong="root-table" because="Your function raised"
def root_table(data):
    assert data[4:8] == b"TFL3"
    return int.from_bytes(data[:4], "little")

# %% check="root-table"
check.root_table(lambda data: root_table(data.tobytes()))

# %% [markdown]
# Three files for your function. **Predict first:** what does it say to the third?

# %%
keras_file = artefacts.find("gesture.keras")
half = shipped[: len(shipped) // 2]
files = {"tflite": shipped, "keras": keras_file.read_bytes(), "half a tflite": half}
for name, content in files.items():
    print(f"{name:15} {len(content):7,} bytes, root table at {root_table(content)}")

# %% [markdown]
# Half a file passes: its head is whole. A header says what a file claims to be. You
# will need a harder test, and write it in section 7.
#
# ## 2. Three lines that convert
#
# This is what most guides show.

# %%
from course.training import keras  # first: it starts TensorFlow quietly
import tensorflow as tf

keras.config.disable_interactive_logging()  # or each conversion prints a page
tf.get_logger().setLevel("ERROR")

model = keras.models.load_model(keras_file)
converter = tf.lite.TFLiteConverter.from_keras_model(model)
first_try = converter.convert()
in_bytes = keras_file.stat().st_size
print(f"{in_bytes:,} bytes of Keras, {len(first_try):,} bytes of TFLite")

# %% [markdown]
# It converts, it opens, it runs. An **operator** is one step of the computation,
# and the file lists them in order. Module 02's model has nine steps: a reshape,
# four convolutions, two poolings, a dense layer and its softmax. **Predict first:**
# how many operators does the file have?

# %%
names = [each.name for each in inspect(first_try).operators]
print(len(names), *names)

# %% [markdown]
# Nobody ordered `SHAPE`, `STRIDED_SLICE` and `PACK`. Your model takes a **batch**,
# a stack of windows, of any size: its input is (None, 128, 3). So the file measures
# its own input before each reshape, for every answer anew.
#
# A device has one window at a time, and a free batch does harm there. LiteRT.js,
# which runs models in web pages, refuses such a file. Its predecessor takes it and
# answers wrongly, in silence. A board has to carry three more kinds of operators.
#
# So tell Keras the size. `keras.Input(batch_shape=(1, 128, 3))` is an input for one
# window. A model called on such an input gives an output, and `keras.Model(input,
# output)` is a new model with the old weights. Convert that one, in the same way,
# and write its bytes to the file `gesture.tflite`.

# %% task="gesture-tflite"
from pathlib import Path

### BEGIN SOLUTION
window = keras.Input(batch_shape=(1, 128, 3), name="window")
fixed = keras.Model(window, model(window), name="gesture")
converter = tf.lite.TFLiteConverter.from_keras_model(fixed)
written = Path("gesture.tflite").write_bytes(converter.convert())
print(f"{written:,} bytes")
### END SOLUTION

# %% wrong="gesture-tflite" because="input (free, 128, 3)"
Path("gesture.tflite").write_bytes(first_try)

# %% wrong="gesture-tflite" because="no application fits it"
wide = keras.Input(batch_shape=(1, 128, 3, 1))
converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(wide, model(wide)))
Path("gesture.tflite").write_bytes(converter.convert())

# %% wrong="gesture-tflite" because="but a .keras file"
Path("gesture.tflite").write_bytes(keras_file.read_bytes())

# %% wrong="gesture-tflite" because="damaged"
Path("gesture.tflite").write_bytes(half)

# %% wrong="gesture-tflite" because="those from before the training"
keras.utils.set_random_seed(7)
one_window = keras.Input(batch_shape=(1, 128, 3))
untrained = keras.models.clone_model(model, input_tensors=one_window)
converter = tf.lite.TFLiteConverter.from_keras_model(untrained)
Path("gesture.tflite").write_bytes(converter.convert())

# %% wrong="gesture-tflite" because="variables that nothing fills"
answer = tf.function(lambda window: model(window))
signature = answer.get_concrete_function(tf.TensorSpec((1, 128, 3)))
converter = tf.lite.TFLiteConverter.from_concrete_functions([signature], model)
Path("gesture.tflite").write_bytes(converter.convert())

# %% wrong="gesture-tflite" because="Its weights are float16"
Path("gesture.tflite").write_bytes(convert(model, quantize="float16"))

# %% wrong="gesture-tflite" because="Its weights are int8"
some = gestures.generate(people=5, takes_per_label=5).examples.astype("float32") / 1000
data = convert(model, quantize="int8", representative_dataset=some, io="float32")
Path("gesture.tflite").write_bytes(data)

# %% [markdown]
# The check gives windows of people you never saw to both, the file and your Keras
# model.

# %% check="gesture-tflite"
check.gesture_tflite(("gesture.tflite", lambda x: model.predict(x, verbose=0)))

# %% [markdown]
# What has a batch of 1 taken away?

# %%
yours = Path("gesture.tflite")
data = yours.read_bytes() if yours.exists() else shipped
report = inspect(data)
steps = [each.name for each in report.operators]
plots.operator_columns(
    {"A batch of any size": names, "A batch of 1": steps},
    title=f"A free batch costs {len(names) - len(steps)} operators that nobody ordered",
)

# %% [markdown]
# The course's `convert(model)` is these four lines and a look at what came out: it
# runs the file beside Keras, and refuses it if it answers otherwise. From here on
# use either.
#
# ## 3. Open it
#
# You have seen the bytes. This is the same file, sorted. **Look for:** where has
# your ReLU gone, and where the dropout?

# %%
report

# %% [markdown]
# Dropout works in training only: it is gone. ReLU is **fused**: it became an option of
# the convolution before it, and saves a walk through memory.
#
# And your weights? Search the file for their bytes, first as Keras has them, then
# with the last axis moved to the front.

# %%
for weights in model.weights:
    numbers = weights.numpy()
    turned = np.moveaxis(numbers, -1, 0)
    as_it_is, in_front = (data.find(array.tobytes()) for array in (numbers, turned))
    print(f"{weights.path:28} {numbers.shape!s:15} {as_it_is:6}   turned {in_front:6}")

# %% [markdown]
# −1 means: nowhere. Every other number is the byte where your weights begin. TFLite
# stores one filter after the other, Keras does not. Each bit is the same.
#
# ## 4. The same answers?
#
# Same weights, three **engines**: Keras here, LiteRT as phones run it, TFLite Micro
# as boards do. Give them windows of eight strangers. **Predict first:** do the
# scores agree to the last bit?

# %%
from course.tflite.run import micro_here

people = gestures.generate(people=8, takes_per_label=6, seed=5)
windows = (people.examples / 1000).astype("float32")  # in g
in_keras = model.predict(windows, verbose=0)

answers = {"LiteRT, as on a phone": Runner(data)(windows)}
if micro_here():  # its Python package exists for Linux on x86-64
    answers["TFLite Micro, as on a board"] = Runner(data, engine="micro")(windows)
for name, scores in answers.items():
    print(f"{name}: up to {np.abs(scores - in_keras).max():.1e} apart")
print("(0.1 + 0.2) + 0.3 == 0.1 + (0.2 + 0.3):", (0.1 + 0.2) + 0.3 == 0.1 + (0.2 + 0.3))

# %% [markdown]
# Not to the last bit. A sum of rounded numbers depends on its order, and each
# engine adds in an order that suits its processor. So "the same" needs a
# **tolerance**. How large may it be?
#
# Compare with files that are *not* the same: weights with half the bits, and
# everything in 8 bits. Module 06 makes such files on purpose.

# %%
example_windows = gestures.generate(people=9, takes_per_label=3, seed=0).examples / 1000
float16 = convert(model, quantize="float16")
int8 = convert(
    model, quantize="int8", representative_dataset=example_windows, io="float32"
)
answers["weights in float16"] = Runner(float16)(windows)
answers["everything in int8"] = Runner(int8)(windows)

for name, scores in answers.items():
    changed = (scores.argmax(axis=1) != in_keras.argmax(axis=1)).sum()
    print(f"{name:28} {changed} of {len(windows)} labels change")

# %% [markdown]
# Labels are too blunt a tool for this question. Look at the scores.

# %%
plots.difference_strips(
    {name: np.abs(scores - in_keras).max(axis=1) for name, scores in answers.items()},
    tolerance=1e-4,
    title="Engines differ in the seventh digit, formats in the third and the first",
)

# %% [markdown]
# Each dot is one window, the black mark the largest. A tolerance of 0.0001 lies a
# hundred times above what engines do, and below the worst of half the bits. One
# window could pass by luck. A hundred do not.
#
# Engineers call this **parity**. Write the test. Your function receives two arrays
# of scores and a tolerance. It returns `True` only if both have the same shape, and
# every number in `got` is finite and at most `tolerance` away from its partner.

# %% task="agrees"
def agrees(expected: np.ndarray, got: np.ndarray, tolerance: float) -> bool:
    """Whether all scores in `got` lie within `tolerance` of `expected`."""
    ### BEGIN SOLUTION
    if expected.shape != got.shape:
        return False
    return bool((np.abs(got - expected) <= tolerance).all())
    ### END SOLUTION

# %% wrong="agrees" because="NaN passes"
def agrees(expected, got, tolerance):
    if expected.shape != got.shape:
        return False
    return not (np.abs(got - expected) > tolerance).any()

# %% wrong="agrees" because="the mean decides"
def agrees(expected, got, tolerance):
    return expected.shape == got.shape and bool(np.abs(got - expected).mean() <= tolerance)

# %% wrong="agrees" because="a relative tolerance of its own"
def agrees(expected, got, tolerance):
    return expected.shape == got.shape and np.allclose(expected, got, atol=tolerance)

# %% wrong="agrees" because="differences below zero"
def agrees(expected, got, tolerance):
    return expected.shape == got.shape and bool((got - expected <= tolerance).all())

# %% wrong="agrees" because="compare the shapes first"
def agrees(expected, got, tolerance):
    try:
        return bool((np.abs(got - expected) <= tolerance).all())
    except ValueError:
        return False

# %% check="agrees"
check.agrees(agrees)

# %% [markdown]
# ## 5. Three suspects
#
# Each of these is in somebody's guide or somebody's code. None raises an error.
# **Before you run each:** how would you notice?
#
# The first wraps the model in a function, to which one could add some
# preprocessing, and converts the function.

# %%
answer = tf.function(lambda window: model(window))
signature = answer.get_concrete_function(tf.TensorSpec((1, 128, 3)))
converter = tf.lite.TFLiteConverter.from_concrete_functions([signature], model)
hollow = converter.convert()
print(f"{len(hollow):,} bytes, {inspect(hollow).weights_bytes} of them weights")
print(Runner(hollow)(windows[:2]))

# %% [markdown]
# The converter left the weights in variables, and nobody fills a file's variables.
# Its size could have told you: 4,500 numbers of 4 bytes do not fit into 8 kB. NaN
# is luck: what lies in memory could also look like scores.
#
# The second makes a copy with a batch of 1, in one line, and converts it.

# %%
keras.utils.set_random_seed(7)
one_window = keras.Input(batch_shape=(1, 128, 3))
copied = keras.models.clone_model(model, input_tensors=one_window)
fresh = convert(copied)
print(f"{len(fresh):,} bytes,", *[each.name for each in inspect(fresh).operators])
print(Runner(fresh)(windows[:2]).round(3))

# %% [markdown]
# Right size, right operators, four scores that add up to 1. But `clone_model`
# copies layers, not weights. These are new, random ones: `set_weights` was
# forgotten.
#
# The third is no file, but what a program does with a right one. On a board, the
# input is 384 numbers in a row. Yours go reading by reading: x, y, z, x, y, z.
# Somebody wrote all x first, then all y, then all z.

# %%
all_x_first = np.array([window.T.reshape(128, 3) for window in windows])
askew = Runner(data)(all_x_first)
print(askew[:2].round(3))

# %% [markdown]
# Put all three beside Keras.

# %%
suspects = {"yours": Runner(data)(windows), "hollow": Runner(hollow)(windows),
            "fresh": Runner(fresh)(windows), "askew": askew}
print(f"{'':10}{'labels as Keras':>16}{'right labels':>14}   agrees")
for name, scores in suspects.items():
    labels = scores.argmax(axis=1)
    same = (labels == in_keras.argmax(axis=1)).mean()
    right = (labels == people.labels).mean()
    print(f"{name:10}{same:16.0%}{right:14.0%}   {agrees(in_keras, scores, 1e-4)}")

# %% [markdown]
# Chance is 25 %, and even a file that answers NaN reaches it: the `argmax` of four
# NaN is 0, a wing, and one window in four is a wing.

# %% task="proven"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION

# %% wrong="proven" because="any four numbers add up to 1"
choice = "a"

# %% wrong="proven" because="None of the suspects came with a warning"
choice = "b"

# %% check="proven"
check.proven(choice)

# %% [markdown]
# ## 6. An operator that no device has
#
# A colleague wants one more number from each window: how much space its readings
# fill. A swing along one line fills none. That number is a **determinant**, of the
# 3 × 3 matrix of covariances, and TensorFlow has a function for it.

# %%
def as_file(function, **options) -> bytes:
    matrix = keras.Input(batch_shape=(1, 3, 3), name="matrix")
    layer = keras.layers.Lambda(function)
    return convert(keras.Model(matrix, layer(matrix)), **options)

try:
    as_file(tf.linalg.det)
except ModelError as problem:
    print(problem)

# %% [markdown]
# A **kernel** is the code of one operator. Those that TFLite has **built in** were
# written for small machines, and a determinant is not among them. The message names
# a way out: let TensorFlow's own kernels in. The option is called **Select TF
# ops**; on TensorFlow's converter it is one line:
#
# ```
# converter.target_spec.supported_ops = [
#     tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
# ```

# %%
flex = as_file(tf.linalg.det, select_tf_ops=True)
print(f"{len(flex)} bytes:", *[each.name for each in inspect(flex).operators])
try:
    Runner(flex)
except ModelError as problem:
    print(problem)

# %% [markdown]
# It converts, without a word of warning. But the operator's name begins with
# `Flex`: the file asks for TensorFlow itself. No engine in this course can run it,
# and no board or web page either. An Android app can bring TensorFlow's kernels
# along. On a 32-bit Arm phone that takes the runtime from 796 kB to 23 MB, says
# TensorFlow's guide.
#
# Nine numbers are not worth that. TFLite has `+`, `-`, `*` and indices, and the
# determinant of
#
# ```
# a b c
# d e f
# g h i
# ```
#
# is a (e i − f h) − b (d i − f g) + c (d h − e g). Write a function that receives
# `matrices`, shape (N, 3, 3), and returns N determinants: `matrices[:, 0, 1]` is
# every b. Then make `file` with `as_file(…)`, without an option.

# %% task="determinant"
file = None
### BEGIN SOLUTION
def determinant(matrices: tf.Tensor) -> tf.Tensor:
    """Determinants, shape (N,), of matrices, shape (N, 3, 3)."""
    (a, b, c), (d, e, f), (g, h, i) = (
        [matrices[:, row, column] for column in range(3)] for row in range(3)
    )
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)

file = as_file(determinant)
### END SOLUTION

# %% wrong="determinant" because="FlexMatrixDeterminant"
file = as_file(tf.linalg.det, select_tf_ops=True)

# %% wrong="determinant" because="The middle term has the wrong sign"
def determinant(matrices):
    (a, b, c), (d, e, f), (g, h, i) = ([matrices[:, r, s] for s in range(3)] for r in range(3))
    return a * (e * i - f * h) + b * (d * i - f * g) + c * (d * h - e * g)

file = as_file(determinant)

# %% wrong="determinant" because="the product of the diagonal"
file = as_file(lambda matrices: matrices[:, 0, 0] * matrices[:, 1, 1] * matrices[:, 2, 2])

# %% wrong="determinant" because="you divide by it"
def determinant(matrices):
    first, second, third = matrices[:, 0], matrices[:, 1], matrices[:, 2]
    second = second - first * (second[:, 0] / first[:, 0])[:, None]
    third = third - first * (third[:, 0] / first[:, 0])[:, None]
    third = third - second * (third[:, 1] / second[:, 1])[:, None]
    return first[:, 0] * second[:, 1] * third[:, 2]

file = as_file(determinant)

# %% wrong="determinant" because="got nothing (None)"
file = None

# %% check="determinant"
check.determinant(file)

# %% [markdown]
# Which gesture fills most space? And what did nine numbers cost?

# %%
covariance = np.array([np.cov(window.T) for window in windows]).astype("float32")
space = Runner(file)(covariance).ravel()
for label, name in enumerate(gestures.LABELS):
    middle = np.median(space[people.labels == label])
    print(f"{name:10}{1e6 * middle:8.0f} millionths of g³")
print(len(inspect(file).operators), "operators, each built in")

# %% [markdown]
# ## 7. The gate
#
# Put it together: the test that a file must pass before it ships, by your hand or a
# build server's. Your function receives a file's bytes, windows of shape (N, 128,
# 3), and what Keras answered to them. It returns `True` for a file that
#
# - is a whole .tflite file that opens and runs,
# - has a fixed batch: `inspect(data).fixed_batch`,
# - agrees with Keras on **all** windows, within 0.0001.
#
# For any other file it returns `False`, and never raises. `inspect` and `Runner`
# raise a `ModelError` for a file that they cannot use.

# %% task="ready"
def ready(data: bytes, windows: np.ndarray, expected: np.ndarray) -> bool:
    """Whether a file may ship: sound, fixed batch, and Keras's scores (N, 4)."""
    ### BEGIN SOLUTION
    if root_table(data) is None:
        return False
    try:
        got = Runner(data)(windows)
        return inspect(data).fixed_batch and agrees(expected, got, 1e-4)
    except ModelError:
        return False
    ### END SOLUTION

# %% wrong="ready" because="a file with a free batch"
def ready(data, windows, expected):
    try:
        return agrees(expected, Runner(data)(windows), 1e-4)
    except ModelError:
        return False

# %% wrong="ready" because="whose weights were rounded"
def ready(data, windows, expected):
    try:
        return inspect(data).fixed_batch and agrees(expected[:1], Runner(data)(windows[:1]), 1e-4)
    except ModelError:
        return False

# %% wrong="ready" because="weights from before the training"
def ready(data, windows, expected):
    try:
        scores = Runner(data)(windows)
    except ModelError:
        return False
    return inspect(data).fixed_batch and bool(np.isfinite(scores).all())

# %% wrong="ready" because="Your function raised"
def ready(data, windows, expected):
    return inspect(data).fixed_batch and agrees(expected, Runner(data)(windows), 1e-4)

# %% wrong="ready" because="refuses sound files"
def ready(data, windows, expected):
    try:
        return inspect(data).fixed_batch and bool((Runner(data)(windows) == expected).all())
    except ModelError:
        return False

# %% check="ready"
check.ready(lambda data, *known: ready(data.tobytes(), *known))

# %%
shelf = {"gesture.tflite": data, "first try": first_try, "half a file": half,
         "hollow": hollow, "fresh": fresh, "float16": float16, "flex": flex}
for name, each in shelf.items():
    print(f"{name:16}{'ships' if ready(each, windows, in_keras) else 'stays'}")

# %% [markdown]
# The float16 file stays as well. It may be good enough for a wand, but it is not
# the same. How much less is good enough? Module 06 asks that.
#
# ## 8. What a board carries
#
# Every kernel is code that lies in flash, whether a model calls it or not. How many
# are there?

# %%
from ai_edge_litert.schema_py_generated import BuiltinOperator

raw = [name for name in dir(tf.raw_ops) if name[0].isupper()]
built_in = [name for name in dir(BuiltinOperator) if name[0].isupper()]
print(f"TensorFlow: {len(raw):,} kinds of operators")
print(f"TFLite:     {len(built_in):,}")
print(f"Your model: {len(set(steps)):,}")

# %% [markdown]
# A phone has room for all that TFLite has. A board's program registers the kernels
# that its model needs, and the compiler leaves the others out: a **selective
# build**. If one is missing, the board prints `Didn't find op for builtin opcode`
# and answers nothing.
#
# The call for `CONV_2D` is `AddConv2D()`, for `FULLY_CONNECTED` it is
# `AddFullyConnected()`: each word with a capital, the D of `2D` too. Your function
# receives the names of a model's operators, in order. It returns the calls that the
# model needs, each once, in the order of the alphabet.

# %% task="kernels"
def kernels(names: list[str]) -> list[str]:
    """Calls that register a kernel for each kind of operator, sorted."""
    ### BEGIN SOLUTION
    calls = set()
    for name in names:
        words = "".join(word.capitalize() for word in name.split("_"))
        calls.add(f"Add{words.replace('2d', '2D')}()")
    return sorted(calls)
    ### END SOLUTION

# %% wrong="kernels" because="once for each operator"
def kernels(names):
    words = [name.title().replace("_", "") for name in names]
    return sorted(f"Add{word}()" for word in words)

# %% wrong="kernels" because="the d of 2D is small"
def kernels(names):
    words = {"".join(word.capitalize() for word in name.split("_")) for name in names}
    return sorted(f"Add{word}()" for word in words)

# %% wrong="kernels" because="The brackets are missing"
def kernels(names):
    return sorted({"Add" + name.title().replace("_", "") for name in names})

# %% check="kernels"
check.kernels(kernels)

# %% [markdown]
# In Module 10 these lines stand in your sketch.

# %%
calls = kernels(steps)
print(f"tflite::MicroMutableOpResolver<{len(calls)}> resolver;")
for call in calls:
    print(f"resolver.{call};")
print(f"// The first try would have needed {len(kernels(names))}.")

# %% [markdown]
# ## 9. On the device

# %%
from course.tflite import arena

memory = arena(data)
print(f"File:    {in_bytes:,} bytes of Keras, {len(data):,} of TFLite, "
      f"{report.weights_bytes:,} of them weights")
print(f"Memory:  {memory.bytes:,} bytes of tensor arena, {memory.how}")
print(f"Work:    {report.macs:,} multiplications with an addition a window")

# %% [markdown]
# Four fifths of the file are weights, 4 bytes each. Module 06 makes that one.
#
# ## What you built
#
# - `gesture.tflite`: nine operators, a batch of 1, five kernels.
# - A test of parity, with a tolerance that has a reason.
# - A gate that stops eight kinds of files which look like your model.
#
# Next, Module 06 takes three bytes of four from every weight. The lab
# `model_gallery` opens models that others made: put your gate before them.
#
# <details><summary>If you wonder: other ways to convert</summary>
#
# `model.export("gesture.tflite", format="litert")` writes the file in one call,
# `model.export("folder")` and `from_saved_model("folder")` in two. Both make the batch
# free again, even that of a model with a batch of 1, unless you add
# `input_signature=[tf.TensorSpec((1, 128, 3))]`. Models from PyTorch reach the same
# format through a package of its own.
#
# Why `TFL3`? It is the third version of the format, and the root table says so once
# more. What grows since then are the operators: each has a version of its own, and
# an old phone opens a new file if it knows those.
#
# </details>
