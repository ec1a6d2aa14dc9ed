# ---
# jupyter:
#   course:
#     title: Rules or learning?
#     slug: rules_vs_learning
#     minutes: 45
#     headless_seconds: 60
#     objectives:
#       - Write rules that name an activity from speed, and find where they break
#       - Turn a window of sensor readings into features
#       - Train a small classifier on data and answers
#       - Measure it on people it has never met
#     needs: []
#     builds:
#       - activity.keras
# ---

# %% [markdown]
# # Rules or learning?
#
# A watch knows how fast you move. Can it tell what you are doing?
#
# You have written rules all your life, so you will start with rules. They will
# work, then break. Then you will train your first model.
#
# *45 minutes for you. A machine runs all of it, training included, in under a minute.*
#
# **Press Shift + Enter in the cell below.** Play a recording, watch the speed,
# guess the activity.

# %%
import numpy as np

from autograder import open_checks
from course import plots, widgets
from course.data import activity

check = open_checks("rules_vs_learning")
recordings = activity.sample()
widgets.RecordingPlayer(recordings[:3])

# %% [markdown]
# ## 1. Write the rules
#
# Slow is walking. Faster is running. Too fast for any runner must be a bike. The
# second limit needs a fact: how fast can a person run? Put a letter into the cell
# below, or run both cells and pick the answer there.

# %% task="fastest-human"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION

# %% wrong="fastest-human" because="includes the start from standing"
choice = "b"

# %% wrong="fastest-human" because="pace of a horse"
choice = "d"

# %% check="fastest-human"
check.fastest_human(choice)

# %% [markdown]
# Now the rules. Your function receives one speed in miles per hour and returns
# one of the words `"walking"`, `"running"` and `"biking"`:
#
# - below 4 mph, walking;
# - from 4 mph up, running;
# - from 27.8 mph up, biking.

# %% task="classify-by-speed"
def classify_by_speed(speed_mph: float) -> str:
    """Name the activity of someone who moves at this speed, in mph."""
    ### BEGIN SOLUTION
    if speed_mph < 4:
        return "walking"
    if speed_mph < 27.8:
        return "running"
    return "biking"
    ### END SOLUTION

# %% wrong="classify-by-speed" because="exactly 4 mph counts as walking"
def classify_by_speed(speed_mph):
    if speed_mph <= 4:
        return "walking"
    return "running" if speed_mph < 27.8 else "biking"

# %% wrong="classify-by-speed" because="exactly 27.8 mph counts as running"
def classify_by_speed(speed_mph):
    if speed_mph < 4:
        return "walking"
    return "biking" if speed_mph > 27.8 else "running"

# %% wrong="classify-by-speed" because="your rules never answer biking"
def classify_by_speed(speed_mph):
    return "walking" if speed_mph < 4 else "running"

# %% wrong="classify-by-speed" because="Spell the word exactly"
def classify_by_speed(speed_mph):
    return "Walking" if speed_mph < 4 else "Running"

# %% check="classify-by-speed"
check.classify_by_speed(classify_by_speed)

# %% [markdown]
# ## 2. It breaks
#
# Twelve people wore a watch while they walked, ran and rode. Each **window** is 5
# seconds of it, 128 readings, with the speed beside them. A **label** says what the
# person was doing. Windows and labels together are a **dataset**.
#
# What do your rules make of it?

# %%
training = activity.generate(people=12, windows_per_label=30, seed=0)
three = training.only("walking", "running", "biking")
mean_speed = three.speed.mean(axis=1)
by_rule = [classify_by_speed(speed) for speed in mean_speed]
plots.confusion_matrix(three.names, by_rule, title="Your rules take rides for runs")

# %% [markdown]
# Every row is what people did, every column what the rules said. Hardly anyone
# rides at a sprinter's pace, so the rules hardly ever see a bike. The rule is
# true, and useless.
#
# The thresholds can move. **Predict first:** which accuracy can two thresholds
# reach on these three activities? Say a number aloud, then move the sliders until
# you cannot do better.

# %%
widgets.ThresholdExplorer(three.speed, three.names)

# %% [markdown]
# Keep your best pair. It will be judged on people you have not seen.

# %% task="thresholds"
best_thresholds = None  # (walking below, running below) in mph
### BEGIN SOLUTION
best_thresholds = (3.9, 8.8)
### END SOLUTION

# %% wrong="thresholds" because="the talk's thresholds, not yours"
best_thresholds = (4.0, 27.8)

# %% wrong="thresholds" because="Swap them"
best_thresholds = (8.8, 3.9)

# %% wrong="thresholds" because="nothing (None)"
best_thresholds = None

# %% check="thresholds"
check.thresholds(best_thresholds)

# %% [markdown]
# Then golf arrives. A golfer walks, stands, and for a quarter of a second swings.
# Below are the same four recordings twice: once as speed, once as the wrist's
# acceleration.

# %%
plots.recordings(recordings, quantity="speed", title="Golf looks like walking to a speedometer")

# %%
plots.recordings(
    recordings, quantity="acceleration", title="To the wrist, golf looks like nothing else"
)

# %% [markdown]
# Move the sliders once more, now with golf among the windows. Watch the golf row.

# %%
widgets.ThresholdExplorer(training.speed, training.names)

# %% task="why-golf"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION

# %% wrong="why-golf" because="their speeds lie inside the walkers' range"
choice = "b"

# %% wrong="why-golf" because="measures the same overlap"
choice = "d"

# %% check="why-golf"
check.why_golf(choice)

# %% [markdown]
# ## 3. The idea
#
# You could write rules for acceleration. Try it in your head: what number is a
# swing?
#
# There is another way round. So far you handed over rules and data, and got
# answers. From here on you hand over the answers and keep the data. What comes
# out is the rules.

# %%
plots.two_boxes()

# %% [markdown]
# Finding those rules is called **training**, and what it leaves behind is a
# **model**: numbers that stand for rules nobody wrote. Asking it about new data
# is **inference**.
#
# ## 4. From readings to features
#
# One window is an array of 128 readings of three axes, 384 numbers in g. Most of
# them say the same thing again and again. A **feature** is one number that says
# something about the whole window. Choose five.
#
# Your function receives one window, shape (128, 3), and returns five numbers.
# Useful parts: `window.mean(axis=0)` says where the wrist points,
# `window.std(axis=0)` how much each axis moves, `np.linalg.norm(window, axis=1)`
# how hard it is shaken at each instant.

# %% task="features"
def features(window: np.ndarray) -> np.ndarray:
    """Describe one window, shape (128, 3) in g, by five numbers."""
    ### BEGIN SOLUTION
    spread = window.std(axis=0)
    jolt = np.linalg.norm(window, axis=1).max()
    return np.array([window[:, 0].mean(), *spread, jolt])
    ### END SOLUTION

# %% wrong="features" because="the same numbers for a quarter of the movement"
def features(window):
    mean = window.mean(axis=0)
    return np.array([*mean, mean.min(), mean.max()])

# %% wrong="features" because="the same numbers with another second half"
def features(window):
    return window.mean(axis=1)[:5]

# %% wrong="features" because="shape 384"
def features(window):
    return window.flatten()

# %% wrong="features" because="NaN or infinite"
def features(window):
    return np.full(5, np.nan)

# %% check="features"
check.features(features)

# %% [markdown]
# Each point below is one window. Choose two features and hover over a point to
# see the readings behind it. **Predict first:** which two activities will lie
# closest together?

# %%
rows = np.array([features(window) for window in training.acceleration])
widgets.FeatureScatter(
    rows, training.names, [f"feature {i + 1}" for i in range(5)], training.acceleration
)

# %% [markdown]
# ## 5. Train
#
# A model learns from two arrays in the same order. By custom they are called `x`,
# the data, and `y`, the answers. Make both from `training`: `x` holds five
# features for every window, `y` the index of its label, which `training.labels`
# has ready.

# %% task="training-set"
x = y = None
### BEGIN SOLUTION
x = np.array([features(window) for window in training.acceleration])
y = training.labels
### END SOLUTION

# %% wrong="training-set" because="mixing the answers up"
x = np.array([features(window) for window in training.acceleration])
y = np.random.default_rng(0).permutation(training.labels)

# %% wrong="training-set" because="shape 1440×384"
x = training.acceleration.reshape(len(training), -1)
y = training.labels

# %% wrong="training-set" because="1 answers"
x = np.array([features(window) for window in training.acceleration])
y = training.labels[:1]

# %% check="training-set"
check.training_set((x, y))

# %% [markdown]
# The model: five numbers go in, pass through two layers of 40 **neurons**, and
# four scores come out, one for each activity. A neuron is a weighted sum with a
# bend in it. At first every weight is random. Training nudges all of them a
# little, thousands of times, towards the right answers.
#
# The first layer, the scale, measures each feature's mean and spread and brings all
# five to one size.

# %%
from course.training import keras

def new_model(x: np.ndarray) -> keras.Model:
    scale = keras.layers.Normalization()
    scale.adapt(x)
    hidden = [keras.layers.Dense(40, activation="relu") for _ in range(2)]
    scores = keras.layers.Dense(4, activation="softmax")
    model = keras.Sequential([keras.Input((5,)), scale, *hidden, scores])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

keras.utils.set_random_seed(1)
model = new_model(x)

# %% [markdown]
# One **epoch** shows the model every window once. To see how it does on people it
# has never met, twelve strangers walk, run, ride and play golf. They are watched,
# never learned from.

# %%
strangers = activity.generate(people=12, windows_per_label=15, seed=1)
strangers_x = np.array([features(window) for window in strangers.acceleration])
curve = widgets.LearningCurve(epochs=30)
model.fit(
    x, y, validation_data=(strangers_x, strangers.labels),
    epochs=30, batch_size=32, verbose=0, callbacks=[curve.callback()],
);

# %% [markdown]
# ## 6. Meet strangers
#
# Wrap your model so that it answers like your rules did, in words. `recognise`
# receives windows, shape (N, 128, 3), and returns N words out of `activity.LABELS`.
# The model gives four scores a window, `model.predict(x, verbose=0)` of shape (N, 4),
# and the largest score wins.

# %% task="recognise"
def recognise(windows: np.ndarray) -> list[str]:
    """Name the activity of each window, shape (N, 128, 3) in g."""
    ### BEGIN SOLUTION
    rows = np.array([features(window) for window in windows])
    winners = model.predict(rows, verbose=0).argmax(axis=1)
    return [activity.LABELS[index] for index in winners]
    ### END SOLUTION

# %% wrong="recognise" because="about what guessing gives"
def recognise(windows):
    return ["walking" for _ in windows]

# %% wrong="recognise" because="holds other things than words"
def recognise(windows):
    rows = np.array([features(window) for window in windows])
    return list(model.predict(rows, verbose=0).argmax(axis=1))

# %% wrong="recognise" because="never answers golfing"
def recognise(windows):
    rows = np.array([features(window) for window in windows])
    scores = model.predict(rows, verbose=0)[:, :3]
    return [activity.LABELS[index] for index in scores.argmax(axis=1)]

# %% wrong="recognise" because="1 words"
def recognise(windows):
    rows = np.array([features(window) for window in windows])
    return [activity.LABELS[model.predict(rows, verbose=0).argmax() % 4]]

# %% check="recognise"
check.recognise(recognise)

# %%
answers = recognise(strangers.acceleration)
plots.confusion_matrix(strangers.names, answers, title="Your model knows what strangers do")

# %% [markdown]
# ## 7. A flattering number
#
# A colleague has chosen other features: the mean of each axis and two spreads.
# They drew a fifth of all windows by lot, trained on the rest, tested on that
# fifth, and beam at the result.
#
# **Predict first:** their model is tested on the same twelve strangers. Better
# than yours or worse?

# %%
def colleague(window):
    return np.array([*window.mean(axis=0), window[:, 0].std(), window[:, 2].std()])

their_x = np.array([colleague(window) for window in training.acceleration])
lot = np.random.default_rng(0).permutation(len(their_x))
tested, learned = lot[:288], lot[288:]

theirs = new_model(their_x[learned])
theirs.fit(their_x[learned], y[learned], epochs=60, batch_size=32, verbose=0);

# %%
their_strangers = np.array([colleague(window) for window in strangers.acceleration])
by_lot = theirs.evaluate(their_x[tested], y[tested], verbose=0)[1]
by_person = theirs.evaluate(their_strangers, strangers.labels, verbose=0)[1]
plots.accuracy_bars(
    {"windows drawn by lot": by_lot, "people it has never met": by_person},
    title="One model, two tests: the first is flattering",
)

# %% [markdown]
# The lot put windows of every person on both sides. A mean says how a watch hangs
# on a wrist, and that is as personal as a handwriting: the model recognised
# people, then recalled what they did. An answer that slips into the test like
# this is called **leakage**.

# %% task="which-number"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION

# %% wrong="which-number" because="flatters half as much"
choice = "c"

# %% wrong="which-number" because="No buyer's windows"
choice = "a"

# %% check="which-number"
check.which_number(choice)

# %% [markdown]
# ## 8. On the device
#
# What would this cost on a watch?

# %%
model.save("activity.keras")
numbers = model.count_params()
size = 4 * numbers / 1000
print(f"Your rules are 3 lines. Your model is {numbers:,} numbers of 4 bytes: {size:.1f} kB.")

# %% [markdown]
# A photo thumbnail is larger. Module 06 makes each of those numbers one byte.
#
# ## What you built
#
# - A rule, a reason why no threshold saves it, and a model that learned the rest from answers.
# - An accuracy you can defend, because it was measured on strangers.
# - `activity.keras`, the model as a file, in this folder.
#
# Next, Module 02 opens with that flattering number: how to build a dataset and
# split it so that it cannot leak.
#
# <details><summary>If you wonder: where does the data come from?</summary>
#
# Nobody was recorded. A simulated arm moves the way people move it, and a
# simulated watch reads its acceleration; `activity.generate` gives as many people
# as you like. A model trained on such windows was right in 88 to 90 % of real
# smart-watch windows of walking, running and standing still, against 96 % for one
# trained on real people. Your own grader uses people of its own.
#
# </details>
