# ---
# jupyter:
#   course:
#     title: One byte is enough
#     slug: quantization
#     minutes: 50
#     headless_seconds: 60
#     objectives:
#       - Work out scale and zero point of a range by hand
#       - Store real numbers in one byte each, and bring them back
#       - Convert to float16, dynamic range, int16x8 and full int8
#       - Calibrate on the right data, and notice when they were the wrong ones
#       - Choose a format by bytes, accuracy, memory and time
#     needs:
#       - gesture.keras
#     builds:
#       - gesture_int8.tflite
# ---

# %% [markdown]
# # One byte is enough
#
# Your gesture model is some 4,500 numbers. Each takes four bytes and has seven
# digits. How many of those digits does a wand need?
#
# You will throw digits away until it hurts. What is left fits into half the file
# and half the memory, and computes in whole numbers, as the smallest chips do.
#
# *50 minutes for you. A machine runs all of it in under a minute.*
#
# **Press Shift + Enter in the cell below.** It opens your model and shows five of
# them.

# %%
import numpy as np

from autograder import open_checks
from course import artefacts, plots, widgets
from course.data import gestures
from course.training import keras

check = open_checks("quantization")
model = keras.models.load_model(artefacts.find("gesture.keras"))
exact = model.get_weights()
print(f"{model.count_params():,} numbers, such as {exact[0].ravel()[:5]}")

# %% [markdown]
# Twenty strangers draw gestures for it. How many does it name rightly?

# %%
strangers = gestures.generate(people=20, takes_per_label=6, seed=1)
x, y = strangers.examples / 1000, strangers.labels  # x in g

def float_scores(windows: np.ndarray) -> np.ndarray:
    return model.predict(windows, verbose=0)

def accuracy(predict) -> float:
    return float((predict(x).argmax(axis=1) == y).mean())

print(f"{accuracy(float_scores):.1%} of {len(x)} are right")

# %% [markdown]
# Now round every number of the model: 0.4837 becomes 0.48, then 0.5, then 0.
# **Predict first:** where does it break?

# %%
kept = {"as trained": 7, "two decimals": 2, "one decimal": 1, "none": 0}
right = {}
for name, decimals in kept.items():
    model.set_weights([np.round(numbers, decimals) for numbers in exact])
    right[name] = accuracy(float_scores)
model.set_weights(exact)

plots.accuracy_bars(
    right, title=f"With one decimal of seven {right['one decimal']:.0%} are still right"
)

# %% [markdown]
# One decimal means steps of 0.1. Nearly all weights lie between −1 and 1, so some
# twenty different numbers do. Without decimals nearly every weight is 0.
#
# A byte can tell 256 numbers apart, more than twenty. To store numbers on few steps
# is called **quantization**. The question is where to put the 256.
#
# ## 1. 256 steps
#
# Weights are not alone in a model. Readings go from −2 to 2 g, and the sums between
# the last layers up to 17. Steps of 0.1 would be coarse for one and wasted on the
# other. So every array gets steps of its own.
#
# In **int8** a stored number is a whole one from −128 to 127. Two more numbers say
# what it means:
#
# - the **scale**, the distance between two neighbouring steps, in real units;
# - the **zero point**, the stored number that stands for 0.
#
# > real = scale × (stored − zero point)
#
# The lowest real number shall be stored as −128, the highest as 127. Zero must be
# hit exactly, because models are full of zeros. So a range without 0 is first
# widened until it holds 0, and the zero point is rounded to a whole number.
#
# Your function receives the lowest and the highest real number of an array. It
# returns two numbers, scale and zero point.

# %% task="scale-and-zero-point"
def scale_and_zero_point(low: float, high: float) -> tuple[float, int]:
    """Scale and zero point of int8 for real numbers from low to high."""
    ### BEGIN SOLUTION
    low, high = min(low, 0), max(high, 0)
    scale = (high - low) / 255
    return scale, round(-128 - low / scale)
    ### END SOLUTION

# %% wrong="scale-and-zero-point" because="you count 256 gaps"
def scale_and_zero_point(low, high):
    low, high = min(low, 0), max(high, 0)
    scale = (high - low) / 256
    return scale, round(-128 - low / scale)

# %% wrong="scale-and-zero-point" because="as uint8 does"
def scale_and_zero_point(low, high):
    low, high = min(low, 0), max(high, 0)
    scale = (high - low) / 255
    return scale, round(-low / scale)

# %% wrong="scale-and-zero-point" because="widen it until it holds 0"
def scale_and_zero_point(low, high):
    scale = (high - low) / 255
    return scale, round(-128 - low / scale)

# %% wrong="scale-and-zero-point" because="which fits weights only"
def scale_and_zero_point(low, high):
    low, high = min(low, 0), max(high, 0)
    return (high - low) / 255, 0

# %% wrong="scale-and-zero-point" because="whole number"
def scale_and_zero_point(low, high):
    low, high = min(low, 0), max(high, 0)
    scale = (high - low) / 255
    return scale, -128 - low / scale

# %% check="scale-and-zero-point"
check.scale_and_zero_point(scale_and_zero_point)

# %% [markdown]
# Here are all readings of the twenty strangers, and under them the 256 steps. The
# square is one reading, and the lower line shows on which step it lands.
#
# **Predict first,** then drag the two ends. *Highest* goes from 2 to 4: what
# happens to the error of most readings? It goes to 0.5: what becomes of a reading
# of 1.1?

# %%
widgets.NumberLine(x, low=-2.04, high=2.04, value=1.1, reach=4.5, unit="g")

# %% [markdown]
# A range too wide costs every number a little. A range too narrow costs some of
# them everything: what lies beyond is stored as the end. It **saturates**.
#
# ## 2. There and back
#
# `quantize` receives real numbers, shape (N,), with a scale and a zero point. It
# returns what is stored, an array of dtype int8. Each number goes to its nearest
# step, a half to either side; what lies beyond goes to −128 or 127.

# %% task="quantize"
def quantize(values: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """What int8 stores for real numbers, an array of the same shape."""
    ### BEGIN SOLUTION
    steps = np.round(values / scale) + zero_point
    return np.clip(steps, -128, 127).astype(np.int8)
    ### END SOLUTION

# %% wrong="quantize" because="wrap round to the other end"
def quantize(values, scale, zero_point):
    return (np.round(values / scale) + zero_point).astype(int).astype(np.int8)

# %% wrong="quantize" because="the fraction is cut off"
def quantize(values, scale, zero_point):
    return np.clip(values / scale + zero_point, -128, 127).astype(np.int8)

# %% wrong="quantize" because="an array of dtype int8"
def quantize(values, scale, zero_point):
    return np.clip(np.round(values / scale) + zero_point, -128, 127)

# %% wrong="quantize" because="the zero point is missing"
def quantize(values, scale, zero_point):
    return np.clip(np.round(values / scale), -128, 127).astype(np.int8)

# %% check="quantize"
check.quantize(quantize)

# %% [markdown]
# `dequantize` goes the other way: it receives stored numbers, an int8 array of
# shape (N,), and returns the real numbers that they mean.

# %% task="dequantize"
def dequantize(stored: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """Real numbers that an int8 array stands for, of the same shape."""
    ### BEGIN SOLUTION
    return scale * (stored.astype(float) - zero_point)
    ### END SOLUTION

# %% wrong="dequantize" because="does not fit into int8"
def dequantize(stored, scale, zero_point):
    return scale * (stored - zero_point)

# %% wrong="dequantize" because="the zero point is missing"
def dequantize(stored, scale, zero_point):
    return scale * stored.astype(float)

# %% wrong="dequantize" because="subtracted after multiplying"
def dequantize(stored, scale, zero_point):
    return scale * stored.astype(float) - zero_point

# %% check="dequantize"
check.dequantize(dequantize)

# %% [markdown]
# Take the largest layer there and back. **Predict first:** by how much can a weight
# move at most?

# %%
before = max(exact, key=np.size).ravel()
scale, zero_point = scale_and_zero_point(before.min(), before.max())
stored = quantize(before, scale, zero_point)
after = dequantize(stored, scale, zero_point)
plots.before_and_after(
    before, stored, after,
    title=f"The same shape in bytes: no weight moves by more than {scale / 2:.4f}",
)

# %% [markdown]
# Half a step, and any loss up to that is as likely as any other. Now every layer.

# %%
def there_and_back(numbers: np.ndarray) -> np.ndarray:
    own = scale_and_zero_point(numbers.min(), numbers.max())
    return dequantize(quantize(numbers.ravel(), *own), *own).reshape(numbers.shape)

model.set_weights([
    there_and_back(numbers) if numbers.any() else numbers for numbers in exact
])
print(f"{right['as trained']:.1%} right with four bytes a number, "
      f"{accuracy(float_scores):.1%} with one")
model.set_weights(exact)

# %% [markdown]
# ## 3. Let the converter do it
#
# Two formats shrink the weights and go on computing in float. **float16** stores
# each in two bytes. **Dynamic range** stores the large arrays in int8, and leaves
# those of less than 1,024 numbers alone.

# %%
from course.tflite import Runner, convert

files = {"float32": convert(model)}
files["float16"] = convert(model, quantize="float16")
files["dynamic range"] = convert(model, quantize="dynamic")
for name, data in files.items():
    print(f"{name:14}{len(data):7,} bytes, {accuracy(Runner(data).predict):.1%} right")

# %% [markdown]
# That was cheap. But neither of the two runs on a board of this course.
#
# ## 4. Whole numbers all the way
#
# The smallest chips compute in whole numbers only. There the readings, the sums
# between the layers and the scores must be int8, too, and each of those arrays
# needs its scale.
#
# A weight's range stands in the file. But how large do the sums of layer two
# become? That depends on what comes in. So you show the converter some windows. It
# runs the model on them and notes the lowest and the highest number of every array.
# That is **calibration**, and the windows are a **representative dataset**.
#
# You need a hundred windows, now. Your wand lies on the table in front of you. You
# press record: the real sensor, the right unit, gravity and a little noise.

# %%
rng = np.random.default_rng(0)
table = rng.normal([0, 0, 1], 0.02, (100, 128, 3)).astype("float32")  # in g

# %% [markdown]
# These are TensorFlow's own calls. They work without this course.

# %%
import tensorflow as tf

keras.config.disable_interactive_logging()
one_window = keras.Input(batch_shape=(1, 128, 3))
fixed = keras.Model(one_window, model(one_window))
converter = tf.lite.TFLiteConverter.from_keras_model(fixed)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([window[None]] for window in table)
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.int8
on_table = converter.convert()
print(f"{len(on_table):,} bytes")

# %% [markdown]
# It warns, in red, of statistics that an older kind of quantization would need.
# About your windows it has nothing to say. The file is half as large, and it
# computes in whole numbers. **Predict first:** how often is it right?

# %%
plots.accuracy_bars(
    {"float32": accuracy(Runner(files["float32"]).predict),
     "int8, calibrated on a table": accuracy(Runner(on_table).predict)},
    title="Half the bytes, and hardly a gesture is recognised",
)

# %% [markdown]
# ## 5. What went wrong
#
# Nothing crashed, and the weights are as good as before. So look at the ranges.
#
# Your function receives readings in g, an array of any shape, and the scale and the
# zero point with which a model stores them. It returns the share of readings, from
# 0 to 1, that lie beyond what int8 can hold.

# %% task="saturated"
def saturated(values: np.ndarray, scale: float, zero_point: int) -> float:
    """Share of real values that int8 with this scale and zero point cannot hold."""
    ### BEGIN SOLUTION
    lowest, highest = scale * (-128 - zero_point), scale * (127 - zero_point)
    return float(((values < lowest) | (values > highest)).mean())
    ### END SOLUTION

# %% wrong="saturated" because="only readings above the range are counted"
def saturated(values, scale, zero_point):
    return float((values > scale * (127 - zero_point)).mean())

# %% wrong="saturated" because="as uint8 does"
def saturated(values, scale, zero_point):
    lowest, highest = scale * (0 - zero_point), scale * (255 - zero_point)
    return float(((values < lowest) | (values > highest)).mean())

# %% wrong="saturated" because="a share goes from 0 to 1"
def saturated(values, scale, zero_point):
    lowest, highest = scale * (-128 - zero_point), scale * (127 - zero_point)
    return float(100 * ((values < lowest) | (values > highest)).mean())

# %% check="saturated"
check.saturated(saturated)

# %%
reading = Runner(on_table).inputs[0]
lost = saturated(x, reading.scale, reading.zero_point)
lowest = reading.scale * (-128 - reading.zero_point)
highest = reading.scale * (127 - reading.zero_point)
plots.number_line(
    x, low=lowest, high=highest, unit="g",
    title=f"Made for a wand on a table, it misses {lost:.0%} of the readings",
)

# %% [markdown]
# On the table no axis ever left these bounds. To this model a hand that swings at 2
# g feels like a wand that rests. And each layer hands its own poor range to the
# next:

# %%
from course.tflite import ranges

for each in ranges(on_table, x):
    highest = each.representable[1]
    print(f"{each.operator:16} ends at {highest:5.2f}: {each.saturated:4.0%} saturate")

# %% [markdown]
# Examples on the web often calibrate with `np.random.rand(…)`, because anything of
# the right shape will do. Random numbers from 0 to 1 know no negative reading: a
# model calibrated so is right in one window of four. So is one that guesses.
#
# ## 6. Your int8 model
#
# From here on use `convert`. It makes the same calls and minds three traps:
#
# - It fixes the batch to one window, and gives layers short names.
# - It refuses windows that are empty or NaN. TensorFlow takes them without a word.
# - With `for_board=True` each dense layer has one scale. TensorFlow gives each
#   neuron its own, which is finer. The Arduino libraries released in 2023 and 2024
#   then answer wrongly, up to 166 of 255 steps off, and report no error.
#
# Choose a hundred windows or more from `training`, mind the unit, and write the
# model to `gesture_int8.tflite`. It may take 12 kB of file and 8 kB of arena, needs
# int8 going in and coming out, and may lose one point of accuracy.

# %%
from pathlib import Path

training = gestures.generate(people=40, takes_per_label=5, seed=0)  # by person, in mg
training

# %% task="int8-model"
gesture_int8 = None
### BEGIN SOLUTION
windows = training.examples[::4] / 1000
gesture_int8 = convert(
    model, quantize="int8", representative_dataset=windows, for_board=True
)
Path("gesture_int8.tflite").write_bytes(gesture_int8)
### END SOLUTION

# %% wrong="int8-model" because="The input holds 0 to 1, and the data go from"
noise = np.random.default_rng(0).random((100, 128, 3))
data = convert(model, quantize="int8", representative_dataset=noise, for_board=True)
Path("gesture_int8.tflite").write_bytes(data)

# %% wrong="int8-model" because="and the data go from"
data = convert(model, quantize="int8", representative_dataset=table, for_board=True)
Path("gesture_int8.tflite").write_bytes(data)

# %% wrong="int8-model" because="of 255 steps are used"
milli = training.examples[::4]
data = convert(model, quantize="int8", representative_dataset=milli, for_board=True)
Path("gesture_int8.tflite").write_bytes(data)

# %% wrong="int8-model" because="a board would still have to handle the other type"
windows = training.examples[::4] / 1000
data = convert(
    model, quantize="int8", io="float32", representative_dataset=windows, for_board=True
)
Path("gesture_int8.tflite").write_bytes(data)

# %% wrong="int8-model" because="Released Arduino libraries compute wrong answers"
windows = training.examples[::4] / 1000
Path("gesture_int8.tflite").write_bytes(
    convert(model, quantize="int8", representative_dataset=windows))

# %% wrong="int8-model" because="this is the model before quantization"
Path("gesture_int8.tflite").write_bytes(convert(model))

# %% wrong="int8-model" because="TFLite Micro does not run hybrid models"
Path("gesture_int8.tflite").write_bytes(convert(model, quantize="dynamic"))

# %% wrong="int8-model" because="The model answers ring for every example"
same = keras.models.clone_model(model)
*body, kernel, bias = exact
same.set_weights([*body, 0 * kernel, np.array([0, 9, 0, 0])])
windows = training.examples[::4] / 1000
data = convert(same, quantize="int8", representative_dataset=windows, for_board=True)
Path("gesture_int8.tflite").write_bytes(data)

# %% wrong="int8-model" because="the labels are mixed up"
mixed = keras.models.clone_model(model)
*body, kernel, bias = exact
mixed.set_weights([*body, kernel[:, [1, 2, 3, 0]], bias[[1, 2, 3, 0]]])
windows = training.examples[::4] / 1000
data = convert(mixed, quantize="int8", representative_dataset=windows, for_board=True)
Path("gesture_int8.tflite").write_bytes(data)

# %% wrong="int8-model" because="Was it cut short"
windows = training.examples[::4] / 1000
data = convert(model, quantize="int8", representative_dataset=windows, for_board=True)
Path("gesture_int8.tflite").write_bytes(data[:6000])

# %% [markdown]
# The check opens the file in another process. Thirty people whom nobody has met
# draw 1,200 gestures, for it and for your float model.

# %% check="int8-model"
check.int8_model(("gesture_int8.tflite", float_scores))

# %% [markdown]
# ## 7. Which one?
#
# One format is left. **int16x8** has int8 weights and two bytes for everything
# between the layers, for models that int8 hurts. And the table's model joins again,
# converted in the same way, to sit beside yours.

# %%
from course.tflite import Scoreboard, profile

good = training.examples[::4] / 1000
files["int16x8"] = convert(model, quantize="int16x8", representative_dataset=good)
files["int8"] = Path("gesture_int8.tflite").read_bytes()
files["int8, table"] = convert(
    model, quantize="int8", representative_dataset=table, for_board=True
)

# %% [markdown]
# Each goes on your scoreboard, which later modules add to. The time is that of one
# window on this computer. **Predict first:** which is the slowest?

# %%
board = Scoreboard()
rows = []
for name, data in files.items():
    times = profile(data, engines="xnnpack", repeats=5)
    rows.append(board.add(
        f"gesture {name}", data, accuracy=accuracy(Runner(data).predict),
        microseconds=times.whole["xnnpack"].median_us,
    ))
board

# %%
small = len(files["int8"]) / len(files["float32"])
plots.models_compared(
    rows, title=f"int8 takes {small:.0%} of the file. The last is as small, and useless"
)

# %% [markdown]
# No byte count tells the last two apart. Only people do.
#
# And int16x8 is not twice as slow here, but dozens of times: XNNPACK, the fast
# kernels of phones and computers, leaves it to plain ones. This computer is no
# phone and no board, so its times say who has a fast kernel, and little more.
# Others measured a model 4,000 times as large on a Pixel 3: 249 ms in float, 148 in
# int8, and 0.4 points of accuracy lost.

# %% task="which-format"
choice = "?"
### BEGIN SOLUTION
choice = "d"
### END SOLUTION

# %% wrong="which-format" because="TFLite Micro does not run it"
choice = "a"

# %% wrong="which-format" because="7.8 kB of arena do not fit"
choice = "c"

# %% check="which-format"
check.which_format(choice)

# %% [markdown]
# One byte for four: that should leave a quarter of the file. Half is left. Where
# does the rest sit?

# %%
from course.tflite import inspect

shown = ("float32", "dynamic range", "int8")
parts = {name: inspect(files[name]).parts for name in shown}
share = parts["int8"]["weights"] / parts["float32"]["weights"]
plots.file_parts(parts, title=f"The weights shrank to {share:.0%}")

# %% task="why-not-a-quarter"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION

# %% wrong="why-not-a-quarter" because="In full int8 none did"
choice = "a"

# %% wrong="why-not-a-quarter" because="Those live in the tensor arena"
choice = "c"

# %% check="why-not-a-quarter"
check.why_not_a_quarter(choice)

# %% [markdown]
# ## 8. On the device
#
# What did your model cost before, and what does it cost now?

# %%
was, now = (rows[list(files).index(name)] for name in ("float32", "int8"))
print(f"File:  {was.bytes:6,} → {now.bytes:6,} bytes")
print(f"Arena: {was.arena_bytes:6,} → {now.arena_bytes:6,} bytes of memory on a board")
print(f"Right: {was.accuracy:6.1%} → {now.accuracy:.1%}")

# %% [markdown]
# ## What you built
#
# - Both directions between a real number and a byte, by hand.
# - An eye for calibration: which readings saturate, and what that does.
# - `gesture_int8.tflite`, which computes in whole numbers and lost nothing that
#   counts.
#
# Next, Module 07 takes more away: weights that do little, and multiplications that
# nobody misses. Module 10 puts the file on a board, and the lab `magic_wand` gives
# it gestures of your own.
#
# <details><summary>If you wonder: how do whole numbers multiply by a scale of 0.0045?</summary>
#
# A neuron sums real products, and each is (scale of x) · (scale of weights) · (a
# whole number). So the chip sums the whole numbers, in four bytes, and scales once
# at the end. The biases join the sum, which is why they keep four bytes each.
#
# The factor of that last step is a fraction below 1. The converter writes it as a
# whole number of 31 bits and a number of places to shift. One multiplication, one
# shift, one rounding: no fraction anywhere.
#
# Weights have zero point 0 and go from −127 to 127, so that the products need no
# correction. And each filter of a convolution has a scale of its own, for filters
# whose weights are small.
#
# </details>
