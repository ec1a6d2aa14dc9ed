# ---
# jupyter:
#   course:
#     title: From sensor to answer
#     slug: inference_pipeline
#     minutes: 50
#     headless_seconds: 45
#     objectives:
#       - Load a model once and keep it
#       - Bring pictures of any size to the one that a model takes
#       - Feed a stream to a model, window by window
#       - Turn scores that flicker into events that happen once
#       - Measure each stage, and say whether the device keeps up
#     needs:
#       - gesture.keras
#     builds: []
# ---

# %% [markdown]
# # From sensor to answer
#
# A model answers one question: here is a window, which of four is it? A user asks
# another: tell me when I draw a ring. Between the two lies an application, and
# nobody trains that for you.
#
# You will write it, stage by stage, around the model of Module 02.
#
# *50 minutes for you. A machine runs all of it in under a minute.*
#
# **Press Shift + Enter.** A hand is recorded for a minute. Every third of a second the
# model looks at the last five seconds. Play it. Count the gestures (shaded), then
# count how often the model names one.

# %%
import numpy as np

from autograder import open_checks
from course import artefacts, plots, widgets
from course.data import gestures, streams
from course.features import windows
from course.tflite import Runner

check = open_checks("inference_pipeline")
model_file = artefacts.tflite("gesture")

minute = streams.gesture_stream(seconds=60, events_per_minute=5, seed=2)
seen = windows(minute.readings / 1000, length=128, stride=8)
scores = Runner(model_file)(seen)
widgets.SensorPlayer(
    minute.readings, sample_rate_hz=25, window=128, stride=8, units="mg",
    events=minute.events, scores=scores, score_names=gestures.LABELS,
)

# %%
named = [gestures.LABELS[index] for index in scores.argmax(axis=1)]
count = sum(name != "negative" for name in named)
print(f"{len(minute.events)} gestures were made. The model named one {count} times.")

# %% [markdown]
# The model is right nearly every time. The answers are still useless: an app that
# acts on each of them opens the garage door fifteen times for one ring. The rest of
# this module mends that.
#
# ## 1. Load once
#
# `Runner(path)` reads the file, checks it and sets its memory up. Calling the runner
# is what you want many times a second. How do the two compare?

# %%
from time import perf_counter

def milliseconds(work) -> float:
    """How long one call takes: the fastest of five."""
    times = []
    for _ in range(5):
        started = perf_counter()
        work()
        times.append(1000 * (perf_counter() - started))
    return min(times)

runner = Runner(model_file)
load_ms = milliseconds(lambda: Runner(model_file, isolated=False))
run_ms = milliseconds(lambda: runner(seen[0]))
print(f"load: {load_ms:.2f} ms   one answer: {run_ms:.3f} ms")

# %% [markdown]
# Loading costs as much as dozens of answers, and this file is 22 kB. So load **once**,
# and keep the runner.
#
# Write `make_recogniser`. It receives the path of a model and returns a function. That
# function receives one window, shape (128, 3), **in mg** as the sensor gives it. The
# model wants g. It returns two things: the winner, one of `gestures.LABELS`, and its
# score.
#
# The check is nasty: it deletes the file before it asks.

# %% task="load-once"
def make_recogniser(path: str) -> object:
    """A function from one window (128, 3) in mg to (label, score); loads the model at once."""
    ### BEGIN SOLUTION
    runner = Runner(path)

    def recognise(window):
        scores = runner(window / 1000)
        return gestures.LABELS[scores.argmax()], float(scores.max())

    return recognise
    ### END SOLUTION

# %% wrong="load-once" because="There is no model file"
def make_recogniser(path):
    def recognise(window):
        scores = Runner(path)(window / 1000)
        return gestures.LABELS[scores.argmax()], float(scores.max())
    return recognise

# %% wrong="load-once" because="readings are in mg"
def make_recogniser(path):
    runner = Runner(path)
    def recognise(window):
        scores = runner(window)
        return gestures.LABELS[scores.argmax()], float(scores.max())
    return recognise

# %% wrong="load-once" because="label: 2"
def make_recogniser(path):
    runner = Runner(path)
    def recognise(window):
        return 2, float(runner(window / 1000).max())
    return recognise

# %% wrong="load-once" because="always the same answer"
def make_recogniser(path):
    scores = Runner(path)(np.zeros((128, 3)))
    return lambda window: (gestures.LABELS[scores.argmax()], float(scores.max()))

# %% check="load-once"
import os
import shutil

shutil.copy(model_file, "soon_gone.tflite")
try:
    recogniser = make_recogniser("soon_gone.tflite")
finally:
    os.remove("soon_gone.tflite")
check.load_once(recogniser)

# %% [markdown]
# ## 2. What goes in must look like what was learned from
#
# Suppose you forget the division. **Predict first:** what happens to the accuracy?

# %%
fresh = gestures.generate(people=20, takes_per_label=10, seed=77)
for unit, fed in {"in g": fresh.examples / 1000, "in mg": fresh.examples}.items():
    answered = runner(fed)
    wrong = answered.argmax(axis=1) != fresh.labels
    sure = (answered.max(axis=1)[wrong] > 0.99).mean()
    print(f"{unit:5}: {1 - wrong.mean():.1%} right; sure of {sure:.0%} of its wrong answers")

# %% [markdown]
# No error, and next to no loss. This network hardly minds how loud its input is. But
# every score is now 1, the wrong ones too: it cannot say any more that it is not sure.
# You will need that in a moment. And a model of whole numbers, in Module 06, cannot
# even count that far.
#
# Pictures have more ways to go wrong. Here are handwritten digits of 8 × 8 pixels, 0
# to 1, and a simple model that knows them.

# %%
from course.data import digits

known = digits.generate()
flat = known.examples.reshape(len(known), -1) / 16

def digit_of(picture: np.ndarray) -> int:
    """The digit of the stored picture that is most like this one, (8, 8) from 0 to 1."""
    return int(known.labels[((flat[200:] - picture.ravel()) ** 2).sum(axis=1).argmin() + 200])

photos = [digits.photo(known.examples[i], seed=i) for i in range(200)]
plots.pictures(photos[:6], title="A camera knows nothing of 8 × 8")

# %% [markdown]
# Photos are in colour, from 0 to 255, and of any size and shape. Bring one to the
# shape that the model knows. Your function receives a photo, shape (H, W, 3) of
# uint8, and `size`. It returns an array (size, size) from 0 to 1:
#
# 1. **Crop** the middle: the largest square whose side is a multiple of `size`.
# 2. **Grey**: 0.299 red + 0.587 green + 0.114 blue (Rec. ITU-R BT.601).
# 3. **Shrink**: average equal blocks. `grey.reshape(size, k, size, k).mean(axis=(1, 3))`
#    does that for blocks of k × k pixels.
# 4. **Scale**: divide by 255.

# %% task="prepare-photo"
def prepare_photo(photo: np.ndarray, size: int) -> np.ndarray:
    """Middle square of a photo (H, W, 3) uint8 as (size, size) grey values, 0 to 1."""
    ### BEGIN SOLUTION
    height, width, _ = photo.shape
    k = min(height, width) // size
    top, left = (height - k * size) // 2, (width - k * size) // 2
    square = photo[top : top + k * size, left : left + k * size]
    grey = square @ np.array([0.299, 0.587, 0.114])
    return grey.reshape(size, k, size, k).mean(axis=(1, 3)) / 255
    ### END SOLUTION

# %% wrong="prepare-photo" because="from 0 to 255"
def prepare_photo(photo, size):
    k = min(photo.shape[:2]) // size
    top, left = (photo.shape[0] - k * size) // 2, (photo.shape[1] - k * size) // 2
    grey = photo[top : top + k * size, left : left + k * size] @ np.array([0.299, 0.587, 0.114])
    return grey.reshape(size, k, size, k).mean(axis=(1, 3))

# %% wrong="prepare-photo" because="top left corner"
def prepare_photo(photo, size):
    k = min(photo.shape[:2]) // size
    grey = photo[: k * size, : k * size] @ np.array([0.299, 0.587, 0.114])
    return grey.reshape(size, k, size, k).mean(axis=(1, 3)) / 255

# %% wrong="prepare-photo" because="same weight"
def prepare_photo(photo, size):
    k = min(photo.shape[:2]) // size
    top, left = (photo.shape[0] - k * size) // 2, (photo.shape[1] - k * size) // 2
    grey = photo[top : top + k * size, left : left + k * size].mean(axis=2)
    return grey.reshape(size, k, size, k).mean(axis=(1, 3)) / 255

# %% wrong="prepare-photo" because="blue first"
def prepare_photo(photo, size):
    k = min(photo.shape[:2]) // size
    top, left = (photo.shape[0] - k * size) // 2, (photo.shape[1] - k * size) // 2
    grey = photo[top : top + k * size, left : left + k * size] @ np.array([0.114, 0.587, 0.299])
    return grey.reshape(size, k, size, k).mean(axis=(1, 3)) / 255

# %% check="prepare-photo"
check.prepare_photo(prepare_photo)

# %% [markdown]
# How much does each step matter? Leave one out and ask the model again. **Predict
# first:** which one costs most?

# %%
def squashed(photo: np.ndarray) -> np.ndarray:
    """Without the crop: every eighth of the height and width, whatever the shape."""
    rows, columns = (np.linspace(0, n - 1, 8).astype(int) for n in photo.shape[:2])
    return photo[rows][:, columns] @ np.array([0.299, 0.587, 0.114]) / 255

def right(prepare) -> float:
    """Share of 200 photos whose digit is found."""
    return np.mean([digit_of(prepare(photo)) == known.labels[i] for i, photo in enumerate(photos)])

plots.accuracy_bars(
    {
        "all four steps": right(lambda photo: prepare_photo(photo, 8)),
        "squashed, not cropped": right(squashed),
        "light and dark swapped": right(lambda photo: 1 - prepare_photo(photo, 8)),
        "0 to 255": right(lambda photo: 255 * prepare_photo(photo, 8)),
    },
    title="One model, fed in four ways, and no error message", of="Photos",
)

# %% [markdown]
# Whatever was done to the training pictures must be done to every picture after it.
# Module 08 writes that into the model file, where an app can read it.
#
# ## 3. A stream in windows
#
# A sensor delivers a few readings at a time and never ends; a phone's memory does.
# Keep the newest 128 readings and forget the rest. Your function receives the readings
# that are kept so far, shape (n, 3) with n up to `length`, and the new ones, (m, 3). It
# returns the newest `length` of both, in order of time; fewer while there are fewer.

# %% task="newest"
def newest(kept: np.ndarray, arrived: np.ndarray, length: int) -> np.ndarray:
    """The newest `length` readings of (n, 3) and then (m, 3), or all while there are fewer."""
    ### BEGIN SOLUTION
    return np.concatenate([kept, arrived])[-length:]
    ### END SOLUTION

# %% wrong="newest" because="grows for ever"
def newest(kept, arrived, length):
    return np.concatenate([kept, arrived])

# %% wrong="newest" because="the oldest readings"
def newest(kept, arrived, length):
    return np.concatenate([kept, arrived])[:length]

# %% wrong="newest" because="before the old ones"
def newest(kept, arrived, length):
    return np.concatenate([arrived, kept])[-length:]

# %% check="newest"
check.newest(newest)

# %% [markdown]
# ## 4. From scores to events
#
# Look at the scores of that minute again. A gesture stays in the window for a while, so
# it is named many times. And once in a while the model is wrong for a moment.

# %%
times = (128 + 8 * np.arange(len(scores))) / minute.sample_rate_hz
plots.score_strips(
    times, scores, gestures.LABELS, events=minute.events,
    title="A gesture is named as long as it is in the window",
)

# %% [markdown]
# Three old tricks turn scores into **events**:
#
# - **Smooth**: take the mean of the last few windows' scores. A moment's mistake drowns.
# - **Threshold**: count only a winner with a mean score of 0.7, say, or more.
# - **Cool down**: after an event, wait. While the same scene goes on being named, start the
#   wait anew.
#
# Your function receives the scores of all windows so far, shape (N, 4), one window every
# 0.32 s, and returns a list of (number of the window, label), an entry an event, in order.
# `negative` is no event. Try it on the minute above until you are content. The check
# uses twelve minutes of people you never saw: of your events, three in four must be
# right (**precision**), and of their gestures you must find seven in ten (**recall**).
# An event is right if it comes between the gesture's start and 4 seconds after its end.

# %% task="find-events"
def find_events(scores: np.ndarray) -> list[tuple[int, str]]:
    """Events in the scores of windows, shape (N, 4): (window number, label) of each."""
    ### BEGIN SOLUTION
    events, quiet_until = [], 0
    for number in range(len(scores)):
        mean = scores[max(0, number - 4) : number + 1].mean(axis=0)
        label = gestures.LABELS[mean.argmax()]
        if label == "negative" or mean.max() < 0.8:
            continue
        if number >= quiet_until:
            events.append((number, label))
        quiet_until = number + 8
    return events
    ### END SOLUTION

# %% wrong="find-events" because="once for every window"
def find_events(scores):
    winners = scores.argmax(axis=1)
    return [(number, gestures.LABELS[i]) for number, i in enumerate(winners) if i != 3]

# %% wrong="find-events" because="never finds anything"
def find_events(scores):
    return []

# %% wrong="find-events" because="no window of that number"
def find_events(scores):
    return [(len(scores) + 10, "wing")]

# %% wrong="find-events" because="negative is no event"
def find_events(scores):
    winners = scores.argmax(axis=1)
    changes = [0, *(np.flatnonzero(np.diff(winners)) + 1)]
    return [(int(number), gestures.LABELS[winners[number]]) for number in changes]

# %% check="find-events"
check.find_events(find_events)

# %%
found = find_events(scores)
plots.score_strips(
    times, scores, gestures.LABELS, events=minute.events,
    found=[(times[number], label) for number, label in found],
    title=f"{len(minute.events)} gestures, {len(found)} events",
)

# %% [markdown]
# ## 5. Put it together
#
# `listen` receives a whole recording, readings (T, 3) in mg at 25 Hz, and returns a list
# of (second, label), an entry an event: the second at which the window ends that
# raised it. Windows of 128 readings start every 8. You have all the parts: `windows`
# from the top, `runner`, and your `find_events`.

# %% task="listen"
def listen(readings: np.ndarray) -> list[tuple[float, str]]:
    """Events in a recording (T, 3) in mg at 25 Hz: (second, label) of each."""
    ### BEGIN SOLUTION
    cut = windows(readings / 1000, length=128, stride=8)
    events = find_events(runner(cut))
    return [((128 + 8 * number) / 25, label) for number, label in events]
    ### END SOLUTION

# %% wrong="listen" because="numbers of windows, not seconds"
def listen(readings):
    cut = windows(readings / 1000, length=128, stride=8)
    return [(float(number), label) for number, label in find_events(runner(cut))]

# %% wrong="listen" because="the start of the window"
def listen(readings):
    cut = windows(readings / 1000, length=128, stride=8)
    return [(8 * number / 25, label) for number, label in find_events(runner(cut))]

# %% wrong="listen" because="never finds anything"
def listen(readings):
    return []

# %% check="listen"
check.listen(listen)

# %% [markdown]
# ## 6. A stopwatch on each stage
#
# Does it keep up? Time every stage for one window.

# %%
window = minute.readings[:128]
stages = {
    "pre-process": milliseconds(lambda: window / 1000),
    "model": milliseconds(lambda: runner(seen[0])),
    "post-process": milliseconds(lambda: find_events(scores[:5])),
}
plots.stage_bars(stages, title="The model is one stage of three")

# %% [markdown]
# A new window is due every `stride` readings. If all stages together take longer, the
# app falls behind, a little more with each window. The share of that time which is
# used up is the **load**. Above 1, nothing helps but a smaller model or a longer
# stride; well below 1, the chip sleeps and the battery lasts.
#
# Your function receives the milliseconds of all stages, the stride in readings and the
# sample rate in Hz. It returns the load.

# %% task="load"
def load(stages_ms: list[float], stride: int, sample_rate_hz: float) -> float:
    """Share of the time between two windows that the stages take; above 1, they fall behind."""
    ### BEGIN SOLUTION
    return sum(stages_ms) / (1000 * stride / sample_rate_hz)
    ### END SOLUTION

# %% wrong="load" because="in seconds, the stages in milliseconds"
def load(stages_ms, stride, sample_rate_hz):
    return sum(stages_ms) / (stride / sample_rate_hz)

# %% wrong="load" because="slowest stage alone"
def load(stages_ms, stride, sample_rate_hz):
    return max(stages_ms) / (1000 * stride / sample_rate_hz)

# %% wrong="load" because="the time of one reading"
def load(stages_ms, stride, sample_rate_hz):
    return sum(stages_ms) / (1000 / sample_rate_hz)

# %% check="load"
check.load(load)

# %%
here = load(list(stages.values()), 8, 25)
# A 64 MHz Cortex-M4F runs a keyword model of MLPerf Tiny's size in 53.7 ms.
print(f"Load here: {here:.4f}. With 54 ms for the model on a small board: {load([54], 8, 25):.2f}.")

# %% task="what-to-mend"
choice = "?"
### BEGIN SOLUTION
choice = "b"
### END SOLUTION

# %% wrong="what-to-mend" because="falls behind all the same"
choice = "a"

# %% wrong="what-to-mend" because="a tenth of nothing"
choice = "d"

# %% check="what-to-mend"
check.what_to_mend(choice)

# %% [markdown]
# ## What you built
#
# - A recogniser that loads its model once.
# - Pre-processing that gives a model what it was trained on.
# - Events out of scores: one for each gesture, and a load that says whether a device
#   keeps up.
#
# Next, Module 04 asks whether the model should run on the device at all, and measures
# the alternative. The lab `model_cascade` puts a cheap model in front of a dear one.
#
# <details><summary>If you wonder: why not train the model on whole events?</summary>
#
# It can be done, and large speech systems do: the model reads a whole recording and
# writes what happened. It takes far more data and memory. On a small chip a model of a
# window and thirty lines of code around it are hard to beat, and when it goes wrong you
# can see in which stage.
#
# </details>
