# ---
# jupyter:
#   course:
#     title: Smaller and faster
#     slug: smaller_and_faster
#     minutes: 60
#     headless_seconds: 90
#     objectives:
#       - Prune a trained model by magnitude, and say which file gets smaller
#       - Count the multiplications of a convolution, and rebuild it as two cheap ones
#       - Find the slowest operator, and tell what a stopwatch cannot say
#       - Switch a delegate and threads on, and show that the answers stay the same
#       - Read the report of a compiler for an NPU
#     needs:
#       - gesture.keras
#     builds:
#       - gesture_small.tflite
# ---

# %% [markdown]
# # Smaller and faster
#
# The wand's model holds 4,508 numbers. It multiplies with them 114,016 times before it
# says "ring". How much of that could you leave out before anybody notices?
#
# Module 06 made each number smaller. Here you ask which numbers and which
# multiplications the model needs at all, and whether the clock notices.
#
# *60 minutes for you. A machine runs all of it, training included, in 90 seconds.*
#
# **Press Shift + Enter.** This is what you start from.

# %%
import zlib
import numpy as np

from autograder import open_checks
from course import artefacts, plots, widgets
from course.data import gestures
from course.tflite import Cluster, ModelError, Runner, convert, inspect, npu, profile
from course.training import keras

check = open_checks("smaller_and_faster")
model = keras.models.load_model(artefacts.find("gesture.keras"), compile=False)
whole = convert(model)
start = inspect(whole)
print(f"{start.file_bytes:,} bytes, {start.macs:,} multiplications")

# %% [markdown]
# Each model of this module has to prove itself on sixteen people whom it has not met.

# %%
takes = gestures.generate(people=40, takes_per_label=12, seed=0)
x, y = takes.examples / 1000, takes.labels  # in g
others = gestures.generate(people=16, takes_per_label=6, seed=2)
new_x, new_y = others.examples / 1000, others.labels

def accuracy(tflite: bytes) -> float:
    """Share of the new people's windows that a .tflite model names rightly."""
    with Runner(tflite) as runner:
        return float((runner.predict(new_x).argmax(axis=1) == new_y).mean())

def packed(tflite: bytes) -> int:
    """Bytes of a file after zlib, which is what zip files and app stores use."""
    return len(zlib.compress(tflite, 9))

print(f"{accuracy(whole):.1%} right; {len(whole):,} bytes, packed {packed(whole):,}")

# %% [markdown]
# Packing gained little. To zlib, trained weights look like noise: no four bytes are
# like the next four. That can be changed.
#
# ## 1. Which numbers matter?
#
# A weight of 0.002 barely moves its sum. Make it 0 and nobody notices. That is
# **pruning** by magnitude: the weights nearest to zero go first.
#
# Your function receives weights of any shape and the share to set to zero. It returns
# new weights of the same shape, with the `round(share * weights.size)` weights nearest
# to zero set to 0, all others as they were. `np.abs` and `np.argsort` help.

# %% task="smallest-to-zero"
def prune(weights: np.ndarray, share: float) -> np.ndarray:
    """Set the share of weights that are nearest to zero to 0."""
    ### BEGIN SOLUTION
    count = round(share * weights.size)
    pruned = weights.copy()
    pruned.flat[np.argsort(np.abs(weights), axis=None)[:count]] = 0
    return pruned
    ### END SOLUTION

# %% wrong="smallest-to-zero" because="large negative weights go first"
def prune(weights, share):
    count = round(share * weights.size)
    pruned = weights.copy()
    pruned.flat[np.argsort(weights, axis=None)[:count]] = 0
    return pruned

# %% wrong="smallest-to-zero" because="largest weights go and the smallest stay"
def prune(weights, share):
    count = round(share * weights.size)
    pruned = weights.copy()
    pruned.flat[np.argsort(-np.abs(weights), axis=None)[:count]] = 0
    return pruned

# %% wrong="smallest-to-zero" because="a share of the largest weight"
def prune(weights, share):
    return np.where(np.abs(weights) < share * np.abs(weights).max(), 0, weights)

# %% wrong="smallest-to-zero" because="are left out of the array"
def prune(weights, share):
    count = round(share * weights.size)
    order = np.argsort(np.abs(weights), axis=None)
    return weights.flat[np.sort(order[count:])]

# %% check="smallest-to-zero"
check.smallest_to_zero(prune)

# %% [markdown]
# Now prune each layer of the wand's model. **Predict first:** which share of its
# weights can you set to zero before it falls below 85 %? Then move the slider.

# %%
from course.tflite.prune import kernels

def pruned_at_once(share: float) -> keras.Model:
    """A copy of the model, each layer pruned and nothing trained."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for kernel in kernels(copy):
        kernel.assign(prune(kernel.numpy(), share))
    return copy

shares = np.arange(0, 1, 0.1)
copies = [pruned_at_once(share) for share in shares]
right = [(copy(new_x).numpy().argmax(axis=1) == new_y).mean() for copy in copies]
numbers = [np.concatenate([kernel.numpy().ravel() for kernel in kernels(copy)])
           for copy in copies]
sizes = [packed(each.tobytes()) for each in numbers]
widgets.PruneExplorer(numbers[0], shares, right, sizes)

# %% [markdown]
# A few smallest weights go unnoticed. Then the answers fall off a cliff. The
# numbers' own length never changes: a zero takes four bytes like any other. Only a
# packer sees that they are all the same.
#
# ## 2. Let it heal
#
# One weight missing, and its neighbours could make up for it, if they had the time.
# So prune a little, train a little, and again. A Keras **callback** is called after
# every batch. This is all of it, with your function inside:

# %%
class Prune(keras.callbacks.Callback):
    """Prune more after each batch, until `share` is reached after `steps` batches."""

    def __init__(self, share, steps):
        super().__init__()
        self.share, self.steps, self.step = share, steps, 0

    def on_train_batch_end(self, batch, logs=None):
        self.step = min(self.step + 1, self.steps)
        now = self.share * (1 - (1 - self.step / self.steps) ** 3)
        for kernel in kernels(self.model):
            kernel.assign(prune(kernel.numpy(), now))

# %% [markdown]
# The cube prunes fast while there is plenty to spare, and ever slower towards the end
# (Zhu and Gupta, 2017).
#
# Your turn. Train a copy of the model with this callback so that 70 % of its weights
# are zero, convert it, and keep the bytes in `pruned`. It has to pack to 9,500 bytes
# at most and name 85 % of new people's gestures. Half of the takes, `x[::2]` and
# `y[::2]`, six epochs and Adam with a learning rate of 0.002 are enough; batches of 32
# make 30 steps an epoch.

# %% task="pruned-model"
pruned = None
keras.utils.set_random_seed(1)
sparse = keras.models.clone_model(model)
sparse.set_weights(model.get_weights())
sparse.compile(keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy")
### BEGIN SOLUTION
healing = Prune(0.7, steps=120)
sparse.fit(x[::2], y[::2], epochs=6, batch_size=32, verbose=0, callbacks=[healing])
pruned = convert(sparse)
### END SOLUTION

# %% wrong="pruned-model" because="needs training to heal"
pruned = convert(pruned_at_once(0.7))

# %% wrong="pruned-model" because="Its weights are dense"
sparse.set_weights(model.get_weights())
sparse.fit(x[::2], y[::2], epochs=1, verbose=0)
pruned = convert(sparse)

# %% wrong="pruned-model" because="near zero, and not zero"
sparse.set_weights(model.get_weights())
sparse.fit(x[::2], y[::2], epochs=5, verbose=0, callbacks=[Prune(0.7, steps=120)])
for kernel in kernels(sparse):
    noise = np.random.default_rng(0).uniform(1e-6, 2e-6, kernel.shape)
    kernel.assign(np.where(kernel.numpy() == 0, noise, kernel.numpy()))
pruned = convert(sparse)

# %% wrong="pruned-model" because="of them are zero"
sparse.set_weights(model.get_weights())
sparse.fit(x[::2], y[::2], epochs=2, verbose=0, callbacks=[Prune(0.4, steps=40)])
pruned = convert(sparse)

# %% wrong="pruned-model" because="neither a .tflite nor"
pruned = zlib.compress(convert(sparse), 9)

# %% check="pruned-model"
check.pruned_model(pruned)

# %% [markdown]
# How far does healing carry? Here is 90 %, and beside it pruning without training. And
# there is a second way to make noise compressible: **clustering**. All weights of a
# layer share 16 values, so that each is one of 16 patterns of bytes. `Cluster` trains
# the values while it does so.

# %%
def trained_with(callback) -> bytes:
    """The model's .tflite after five epochs with a callback."""
    keras.utils.set_random_seed(1)
    copy = pruned_at_once(0)
    copy.compile(keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy")
    copy.fit(x[::2], y[::2], epochs=5, batch_size=32, verbose=0, callbacks=[callback])
    return convert(copy)

files = {
    "as trained": [whole],
    "pruned at once": [convert(copies[at]) for at in (3, 5, 7)],
    "pruned and healed": [pruned, trained_with(Prune(0.9, steps=100))],
    "16 shared values": [trained_with(Cluster(16))],
}
points = {name: [(packed(each), accuracy(each)) for each in models]
          for name, models in files.items()}

# %%
healed = points["pruned and healed"][0]
plots.size_curves(
    points,
    notes={"pruned at once": ["30 %", "50 %", "70 %"],
           "pruned and healed": ["70 %", "90 %"]},
    title=f"70 % zeros, healed: {healed[0] / 1000:.1f} kB packed, "
          f"{100 * healed[1]:.0f} % right",
)

# %% [markdown]
# All files in this figure are equally long before they are packed. Print
# `len(pruned)` and `len(whole)` if you doubt it. So pruning pays where a file
# travels: in an app's download, in an update over the air. In the chip's flash the
# zeros take their place, and the processor multiplies by them.
#
# Computing less takes kernels that know where the zeros are. XNNPACK has such, for
# pointwise convolutions alone. Without them you need another model.
#
# ## 3. Count the multiplications
#
# A **multiply-accumulate**, MAC, is one weight times one number, added to a sum. A
# **convolution** does, at each place of its output, for each filter: kernel height ×
# kernel width × channels of them. With `padding="same"` a stride of 2 halves both
# sides, rounded up.
#
# Two cheaper kinds exist. A **depthwise** convolution gives each channel one small
# kernel of its own and mixes nothing. A **pointwise** one has a kernel of 1 × 1: it
# mixes all channels and looks at no neighbour.

# %% task="multiplications"
def macs(
    kind: str, size: tuple, stride: int, kernel: tuple, channels: int, filters: int
) -> int:
    """MACs of a "convolution", "depthwise" or "pointwise" with padding="same".

    `size` and `kernel` are (height, width), of the input and of the kernel. A
    "depthwise" has as many filters as channels, a "pointwise" a kernel of (1, 1).
    """
    ### BEGIN SOLUTION
    places = -(-size[0] // stride) * -(-size[1] // stride)
    if kind == "depthwise":
        return places * kernel[0] * kernel[1] * channels
    return places * kernel[0] * kernel[1] * channels * filters
    ### END SOLUTION

# %% wrong="multiplications" because="a depthwise convolution mixes channels, too"
def macs(kind, size, stride, kernel, channels, filters):
    places = -(-size[0] // stride) * -(-size[1] // stride)
    return places * kernel[0] * kernel[1] * channels * filters

# %% wrong="multiplications" because="the stride is left out"
def macs(kind, size, stride, kernel, channels, filters):
    each = kernel[0] * kernel[1] * channels
    return size[0] * size[1] * each * (1 if kind == "depthwise" else filters)

# %% wrong="multiplications" because="rounds down"
def macs(kind, size, stride, kernel, channels, filters):
    each = kernel[0] * kernel[1] * channels
    places = (size[0] // stride) * (size[1] // stride)
    return places * each * (1 if kind == "depthwise" else filters)

# %% wrong="multiplications" because="weights are counted, not their uses"
def macs(kind, size, stride, kernel, channels, filters):
    return kernel[0] * kernel[1] * channels * (1 if kind == "depthwise" else filters)

# %% check="multiplications"
check.multiplications(macs)

# %% [markdown]
# The second convolution of the wand reads 64 places with 12 channels and writes 16
# channels, with a kernel of 5 and a stride of 2. What would a depthwise and a
# pointwise one cost in its place? `inspect` counts from the file.

# %%
size, channels, filters = (64, 1), 12, 16
one = macs("convolution", size, 2, (5, 1), channels, filters)
two = (macs("depthwise", size, 2, (5, 1), channels, channels),
       macs("pointwise", (32, 1), 1, (1, 1), channels, filters))
print(f"One convolution: {one:,}. In two steps: {two[0]:,} + {two[1]:,} = {sum(two):,}.")
counted = [each.macs for each in start.operators if each.name == "CONV_2D"]
print("inspect counts, convolution by convolution:", counted)

# %% [markdown]
# Together the two are a **depthwise-separable** convolution. They see the same
# readings and the same channels, though one after the other. The saving grows with
# the kernel and with the filters: 1/filters + 1/(height × width) remain.
#
# ## 4. Somebody did this before
#
# In 2017 a group at Google built MobileNet from such pairs. The model to beat was
# Inception V3: 95.3 MB to tell 1,000 kinds of things apart.

# %%
from course.tflite.profile import published

photos = [each for each in published() if each.accuracy]
plots.published_models(photos, title="MobileNet: 13 ms. Inception: 148 or 249 ms.")

# %% [markdown]
# The talk that this course grew out of sets 95 MB beside 4.3 MB: 22 times smaller.
# Look at all three dots before you repeat that.

# %% task="like-for-like"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION

# %% wrong="like-for-like" because="two things changed at once"
choice = "a"

# %% wrong="like-for-like" because="shrank by 4.1"
choice = "c"

# %% check="like-for-like"
check.like_for_like(choice)

# %% [markdown]
# ## 5. Rebuild the wand
#
# Every convolution but the first becomes a depthwise and a pointwise one. The new model
# need not learn everything again. What one input channel does in a convolution is a
# table: 5 places × 16 filters. A pair can only do column × row. Which column and row
# come nearest to the table? The **singular value decomposition** answers in one line.

# %%
def halves(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depthwise and pointwise kernels nearest to a kernel (5, 1, channels, filters)."""
    tables = kernel[:, 0].transpose(1, 0, 2)  # (channels, 5, filters)
    columns, sizes, rows = np.linalg.svd(tables, full_matrices=False)
    half = np.sqrt(sizes[:, :1])
    column, row = half * columns[:, :, 0], half * rows[:, 0]
    return column.T[:, None, :, None], row[None, None]

# %% [markdown]
# Your turn.
#
# 1. `pair` receives a Keras convolution and returns two layers in its place:
#    `layers.DepthwiseConv2D`, which needs no bias, and `layers.Conv2D` of size 1, which
#    has the activation. `convolution.kernel_size`, `.strides` and `.filters` tell the
#    rest. There is a trap: TensorFlow trains depthwise convolutions with equal strides
#    only. The wand's picture is one column wide, so a stride of 2 both ways does.
# 2. `separated(model, pair, halves)` puts the new model together. How much does it
#    still know? `accuracy(convert(small))` tells.
# 3. Train it until it has its wits back: five epochs with a learning rate of 0.003 on
#    all of `x` and `y`.
# 4. Convert it for a board, full int8 as in Module 06, and write the bytes to
#    `gesture_small.tflite`.
#
# It has to name 85 % of new people's gestures, with 40,000 MACs at most.

# %% task="small-model"
from pathlib import Path
from course.tflite.separate import separated

layers = keras.layers

def pair(convolution) -> list:
    """A depthwise and a pointwise layer in the place of a convolution."""
    ### BEGIN SOLUTION
    size, stride = convolution.kernel_size, convolution.strides[0]
    return [
        layers.DepthwiseConv2D(size, stride, padding="same", use_bias=False),
        layers.Conv2D(convolution.filters, 1, activation="relu"),
    ]
    ### END SOLUTION

small = None
### BEGIN SOLUTION
keras.utils.set_random_seed(1)
small = separated(model, pair, halves)
print(f"{accuracy(convert(small)):.1%} right before any training")
small.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
small.fit(x, y, epochs=5, batch_size=32, verbose=0)
data = convert(small, quantize="int8", representative_dataset=x[::10], for_board=True)
written = Path("gesture_small.tflite").write_bytes(data)
### END SOLUTION

# %% wrong="small-model" because="114,016"
data = convert(model, quantize="int8", representative_dataset=x[::10], for_board=True)
Path("gesture_small.tflite").write_bytes(data)

# %% wrong="small-model" because="the model before quantization"
Path("gesture_small.tflite").write_bytes(convert(small))

# %% wrong="small-model" because="for every example"
blind = keras.Sequential([
    keras.Input((128, 3)), layers.Reshape((128, 1, 3)),
    layers.DepthwiseConv2D((5, 1), depthwise_initializer="zeros"),
    layers.GlobalAveragePooling2D(), layers.Dense(4, activation="softmax"),
])
blind.layers[-1].bias.assign([0, 1, 0, 0])
data = convert(blind, quantize="int8", representative_dataset=x[::10], for_board=True)
Path("gesture_small.tflite").write_bytes(data)

# %% wrong="small-model" because="without training again"
cut = separated(model, pair, halves)
data = convert(cut, quantize="int8", representative_dataset=x[::10], for_board=True)
Path("gesture_small.tflite").write_bytes(data)

# %% wrong="small-model" because="separated none"
narrow = keras.Sequential([
    keras.Input((128, 3)), layers.Reshape((128, 1, 3)),
    layers.Conv2D(6, (5, 1), (2, 1), activation="relu"), layers.MaxPooling2D((62, 1)),
    layers.Flatten(), layers.Dense(4, activation="softmax"),
])
data = convert(narrow, quantize="int8", representative_dataset=x[::10], for_board=True)
Path("gesture_small.tflite").write_bytes(data)

# %% check="small-model"
check.small_model("gesture_small.tflite")

# %% [markdown]
# What did you save, and what not? Beside it stands the whole model, also in int8.

# %%
int8 = {"quantize": "int8", "representative_dataset": x[::10], "for_board": True}
whole_int8 = convert(model, **int8)
small_int8 = Path("gesture_small.tflite").read_bytes()
pair_of = {"whole": inspect(whole_int8), "separated": inspect(small_int8)}
for name, report in pair_of.items():
    print(f"{name:10}{report.macs:>8,} MACs, {report.file_bytes:>6,} bytes, "
          f"{report.weights_bytes:>5,} of them weights")

# %% [markdown]
# A third of the multiplications, less than half of the weights, and nearly the same
# file. There are more layers now, each with a name and scales, and at this size they
# weigh more than the weights do. In MobileNet nobody would see them.
#
# ## 6. Ask the clock
#
# A third of the multiplications. **Predict first:** a third of the time? Plain kernels
# are written to be read, and boards run their like. XNNPACK's are written for the wide
# instructions of phones and laptops.

# %%
engines = ("reference", "xnnpack")
times = {name: profile(each, engines=engines, repeats=15)
         for name, each in {"whole": whole_int8, "separated": small_int8}.items()}
in_float = {name: profile(each, engines="reference", repeats=15)
            for name, each in {"whole": whole, "separated": convert(small)}.items()}

def left(found: dict, engine: str) -> float:
    """Time of the separated model, as a share of the whole one's."""
    # A quarter of the readings was shorter: what else ran here hardly counts.
    whole, separated = (found[name].whole[engine].low_us for name in found)
    return separated / whole

written = [sum(each.bytes_written for each in report.operators)
           for report in pair_of.values()]
remains = {
    "multiplications": pair_of["separated"].macs / pair_of["whole"].macs,
    "numbers written": written[1] / written[0],
    "time, float, plain kernels": left(in_float, "reference"),
    "time, int8, plain kernels": left(times, "reference"),
    "time, int8, XNNPACK": left(times, "xnnpack"),
}
plots.share_bars(
    remains, whole="the whole model",
    title=f"{100 * remains['multiplications']:.0f} % of the multiplications take "
          f"{100 * left(times, 'reference'):.0f} % of the time in int8",
)

# %% [markdown]
# On the machine that wrote this, the three times were 56, 97 and 130 %. A third of the
# work, and XNNPACK takes longer. If a bar of yours is far out, something else was
# running: measure again.
#
# The second bar says why. Two layers write more numbers than one, and every number
# written has a cost of its own: in int8 it is scaled and rounded. With 12 channels and
# a kernel of 5 there are few multiplications behind each of them. In Inception there
# are thousands.
#
# A stopwatch can look closer. `profile` cuts every operator out and times it alone.
# Compare a depthwise operator with the pointwise one below it: which multiplies more,
# and which takes longer?

# %%
step = times["separated"].steps
for each in step[2:4]:
    print(f"{each.label}: {each.macs:,} MACs")
times["separated"].plot(title="Depthwise: few multiplications, much time")

# %% [markdown]
# A reading of the clock is easily wrong. The first run fills the caches, and now and
# then the system does something else. Your function receives the readings of
# each operator, a dict of name → times in µs. It returns the name of the slowest
# operator and its share of the sum, by the **median** of each, which such readings
# hardly move.

# %% task="slowest"
def slowest(times: dict) -> tuple[str, float]:
    """The operator with the largest median, and its share of the sum of medians."""
    ### BEGIN SOLUTION
    medians = {name: float(np.median(readings)) for name, readings in times.items()}
    name = max(medians, key=medians.get)
    return name, medians[name] / sum(medians.values())
    ### END SOLUTION

# %% wrong="slowest" because="you took the mean"
def slowest(times):
    means = {name: float(np.mean(readings)) for name, readings in times.items()}
    name = max(means, key=means.get)
    return name, means[name] / sum(means.values())

# %% wrong="slowest" because="you took the first reading"
def slowest(times):
    firsts = {name: float(readings[0]) for name, readings in times.items()}
    name = max(firsts, key=firsts.get)
    return name, firsts[name] / sum(firsts.values())

# %% wrong="slowest" because="percent, and a share"
def slowest(times):
    medians = {name: float(np.median(readings)) for name, readings in times.items()}
    name = max(medians, key=medians.get)
    return name, 100 * medians[name] / sum(medians.values())

# %% check="slowest"
check.slowest(slowest)

# %%
for engine in ("reference", "xnnpack"):
    found = {each.label: [each.times[engine].low_us, each.times[engine].median_us,
                          each.times[engine].high_us] for each in step}
    name, share = slowest(found)
    print(f"{engine:10} {name}: {share:.0%} of the operators' time")

# %% [markdown]
# The plain kernels point at the convolution that you left whole: look at it next.
# Under XNNPACK all operators take about a microsecond, and that is mostly the cost of
# calling them. There is nothing left to gain.
#
# ## 7. Delegates and threads
#
# XNNPACK is a **delegate**: a library that takes over the operators it can do better
# and leaves the rest. On Android a delegate hands them to the GPU, on an iPhone to
# Metal or the Neural Engine, on a Coral board to the Edge TPU. To the app it is one
# line:
#
# ```python
# from ai_edge_litert.interpreter import Interpreter, load_delegate
#
# Interpreter("model.tflite", num_threads=4)  # XNNPACK
# Interpreter("model.tflite", experimental_delegates=[load_delegate("libedgetpu.so.1")])
# ```
#
# Here is what is there on any computer: XNNPACK off and on, with one thread and with
# two. Beside the wand stands a model for pictures of 96 × 96 that nobody trained: the
# clock does not mind. **Predict first:** which of the two gains from a second thread?

# %%
pictures = keras.Sequential([
    keras.Input((96, 96, 1)),
    *[layers.Conv2D(filters, 3, 2, padding="same") for filters in (16, 32, 64, 128)],
    layers.GlobalAveragePooling2D(), layers.Dense(2),
])
models = {"wand": small_int8, "pictures": convert(pictures)}
print({name: f"{inspect(each).macs:,} MACs" for name, each in models.items()})
clock = {}
for name, each in models.items():
    for threads in (1, 2):
        found = profile(each, engines=("builtin", "xnnpack"), threads=threads).whole
        clock |= {(name, engine, threads): found[engine].median_us for engine in found}

# %%
rows = [("builtin", 1), ("xnnpack", 1), ("xnnpack", 2)]
words = {"builtin": "plain", "xnnpack": "XNNPACK"}
gain = {name: clock[name, "xnnpack", 1] / clock[name, "xnnpack", 2] for name in models}
plots.cost_dots(
    {f"{name}: {words[engine]}" + ", 2 threads" * (threads - 1):
     clock[name, engine, threads] for name in models for engine, threads in rows},
    unit="µs", quantity="Time of one inference",
    title=f"Second thread: wand × {gain['wand']:.2g}, pictures × {gain['pictures']:.2g}",
)

# %% [markdown]
# On the machine that wrote this, XNNPACK made the wand five times as fast, and a second
# thread halved that: 3 µs became 6. Two threads wait for each other after every
# operator, and the wait is longer than the work. The picture model has work to share,
# as long as a second core is idle. While something else ran on this machine, a second
# thread gained nothing there either.
#
# A GPU is the same story writ large. It is fast once the numbers are there, and they
# have to travel. So switch a delegate on, and measure on the device that you ship.
#
# And check its answers: it rounds at other places. A step inside the model can become
# twenty at a steep softmax, though the label hardly ever changes.
#
# Your function receives N windows in g, shape (N, 128, 3). It returns the scores of
# `gesture_small.tflite`, shape (N, 4), as real numbers from 0 to 1, computed by XNNPACK
# with two threads. `Runner(path, engine="litert", threads=…)` has the delegate on.
# The grader runs your file without it.

# %% task="with-delegate"
def with_delegate(windows: np.ndarray) -> np.ndarray:
    """Scores (N, 4) of gesture_small.tflite under XNNPACK with two threads."""
    ### BEGIN SOLUTION
    with Runner("gesture_small.tflite", engine="litert", threads=2) as runner:
        return runner.predict(windows)
    ### END SOLUTION

# %% wrong="with-delegate" because="as the model stores them"
def with_delegate(windows):
    with Runner("gesture_small.tflite", threads=2) as runner:
        return runner(runner.inputs[0].quantize(windows))

# %% wrong="with-delegate" because="readings were cast"
def with_delegate(windows):
    with Runner("gesture_small.tflite", threads=2) as runner:
        return runner.outputs[0].dequantize(runner(windows.astype(np.int8)))

# %% wrong="with-delegate" because="another model"
def with_delegate(windows):
    with Runner(whole, threads=2) as runner:
        return runner.predict(windows)

# %% check="with-delegate"
check.with_delegate(("gesture_small.tflite", with_delegate))

# %%
with Runner("gesture_small.tflite", engine="reference") as runner:
    apart = 256 * np.abs(runner.predict(new_x) - with_delegate(new_x)).max(axis=1)
print(f"The same scores in {(apart < 0.5).mean():.0%} of {len(apart)} windows, "
      f"within 4 steps in {(apart < 4.5).mean():.0%}, at most {apart.max():.0f} apart.")

# %% [markdown]
# ## 8. A chip that does nothing else
#
# An **NPU** is a piece of silicon for multiplying small integers. Arm's Ethos-U55 does
# 128 of them in one cycle and sits beside a microcontroller. Its compiler, Vela, says
# without the chip what it would make of a model. Vela is an optional part of the
# course; where it is missing you read the report that was bundled.

# %%
try:
    on_npu = {name: npu(each) for name, each in
              [("float", whole), ("whole", whole_int8), ("separated", small_int8)]}
    for name, report in on_npu.items():
        print(f"{name:10}{report.cycles:>7,} cycles, "
              f"{len(report.cpu)} operators on the CPU")
    cycles = on_npu["separated"].cycles / on_npu["whole"].cycles
except ModelError as problem:
    print(problem, "This report was bundled; it is of the course's own model:")
    print((artefacts.REFERENCES / "gesture_small.npu.txt").read_text())
    cycles = 8661 / 9957  # of the two reports

# %% [markdown]
# The float model does not run on it at all. This is the commonest surprise with an
# NPU: it compiles without an error, and everything stays on the CPU. Edge TPUs take
# int8 alone, too. Look for operators that fell back before you look at cycles.

# %%
plots.share_bars(
    remains | {"cycles, Ethos-U55": cycles}, whole="the whole model",
    title=f"An NPU needs {100 * cycles:.0f} % of the cycles for a third of the MACs",
)

# %% [markdown]
# It multiplies 128 pairs at once, and a depthwise layer of 12 channels keeps few of its
# multipliers busy. The whole convolution had work for them.

# %% task="what-macs-say"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION

# %% wrong="what-macs-say" because="took longer"
choice = "a"

# %% wrong="what-macs-say" because="count before you train"
choice = "d"

# %% check="what-macs-say"
check.what_macs_say(choice)

# %% [markdown]
# ## 9. On the device
#
# All of this module's models, on one board.

# %%
from course.tflite import Scoreboard

board = Scoreboard()
board.add("gesture, float", whole, accuracy=accuracy(whole))
board.add("gesture, int8", whole_int8, accuracy=accuracy(whole_int8),
          microseconds=times["whole"].whole["reference"].median_us)
board.add("gesture, 70 % zeros", pruned, accuracy=accuracy(pruned))
board.add("gesture, 16 values", files["16 shared values"][0],
          accuracy=points["16 shared values"][0][1])
board.add("gesture_small, int8", small_int8, accuracy=accuracy(small_int8),
          microseconds=times["separated"].whole["reference"].median_us)
board

# %% [markdown]
# For an update over the air, take one that packs well. For plain float kernels, the one
# that multiplies least. In int8 and on an NPU the whole one has the smaller arena and
# gives up little. The wand is too small for MobileNet's trick; pictures are not.
#
# ## What you built
#
# - `prune`, and a callback that heals while it prunes.
# - `macs`, with which you know a network's cost before you train it.
# - `gesture_small.tflite`: a third of the multiplications, the same answers under
#   every delegate.
#
# Next, Module 08 puts a model into an app. The lab `delegates_and_profiling` goes on
# with what your own machine has: more threads, larger models, a GPU.
#
# <details><summary>If you wonder: why not prune whole filters?</summary>
#
# One can. Leave out the filters whose weights are smallest, and the next layer's
# channels with them: a smaller dense model remains, and every chip notices. It costs
# more accuracy for the same number of weights, because a filter goes as a whole. Some
# chips meet in the middle and skip two zeros in every four weights.
#
# Chained, the three steps are known as deep compression (Han, Mao and Dally, 2016):
# prune, share values, pack. Their AlexNet went from 240 MB to 6.9 MB.
#
# </details>
