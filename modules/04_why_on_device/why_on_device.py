# ---
# jupyter:
#   course:
#     title: Why on the device?
#     slug: why_on_device
#     minutes: 50
#     headless_seconds: 45
#     objectives:
#       - Measure a model behind a link against the same model in this process
#       - Read percentiles, and answer before a deadline when the link fails
#       - Work out what a signal asks of a link, and an answer of a battery
#       - Design a cascade that wakes a large model within an energy budget
#     needs:
#       - gesture.keras
#     builds: []
# ---

# %% [markdown]
# # Why on the device?
#
# Your wand model fits on a board with 256 kB of memory. A server has a million times
# that. Why not send it the readings and let it answer?
#
# You will measure it, then pull the plug, then pay for it from a coin cell.
#
# *50 minutes for you. A machine runs all of it in under a minute.*
#
# **Press Shift + Enter in the cell below.** It starts a real server in a process of
# its own, puts a simulated 4G link in front of it and asks for one gesture. Then it
# asks the same model right here.

# %%
import numpy as np

from autograder import open_checks
from course import artefacts, energy, inference_server, link, plots, widgets
from course.data import gestures, streams
from course.tflite.run import Runner

check = open_checks("why_on_device")
model = artefacts.tflite("gesture")
server = inference_server.serve(model, gestures.LABELS)
far, near = link.Distant(link.preset("4G"), server), Runner(model)

window = gestures.generate(people=1, takes_per_label=1).examples[1] / 1000  # in g
for place, asked in {"over 4G": far, "in here": near}.items():
    scores, milliseconds = link.timed(asked, window)
    print(f"{place}: {gestures.LABELS[scores.argmax()]} after {milliseconds:.2f} ms")

# %% [markdown]
# ## 1. How late is late?
#
# One request says little. Ask forty times, and plot every answer.

# %%
over_4g = [link.timed(far, window)[1] for _ in range(40)]
in_here = [link.timed(near, window)[1] for _ in range(40)]
times = np.median(over_4g) / np.median(in_here)
plots.latency_strips(
    {"over 4G": over_4g, "in here": in_here},
    title=f"The link takes {times:,.0f} times as long as the model",
)

# %% [markdown]
# The server computes as fast as this notebook does. What you see is the way there and
# back, the **round trip**.
#
# The points do not lie on one spot, so one number cannot describe them. Engineers use
# **percentiles**: p50, the median, is the time that half of the answers keep. One
# answer in twenty is later than p95, one in a hundred later than p99.
#
# A simulated clock gives you a thousand round trips without the wait. The link is the
# same one. A request that found no answer within ten seconds counts as 10,000 ms.
#
# Your function receives N round trips in ms and returns three numbers: p50, p95, p99.

# %% task="latency"
def latency(round_trips_ms: np.ndarray) -> np.ndarray:
    """p50, p95 and p99 of round trips, shape (N,) in ms."""
    ### BEGIN SOLUTION
    return np.percentile(round_trips_ms, [50, 95, 99])
    ### END SOLUTION

# %% wrong="latency" because="fractions of 1"
def latency(round_trips_ms):
    return np.percentile(round_trips_ms, [0.50, 0.95, 0.99])

# %% wrong="latency" because="your first number is the mean"
def latency(round_trips_ms):
    return np.array([round_trips_ms.mean(), *np.percentile(round_trips_ms, [95, 99])])

# %% wrong="latency" because="left out the requests that gave up"
def latency(round_trips_ms):
    return np.percentile(round_trips_ms[round_trips_ms < 10_000], [50, 95, 99])

# %% wrong="latency" because="3 numbers"
def latency(round_trips_ms):
    return float(np.median(round_trips_ms))

# %% check="latency"
check.latency(latency)

# %% [markdown]
# Now three links that people have in their pockets. **Predict first:** on 4G the
# median is about 80 ms. What is p99?

# %%
trips = {name: link.preset(name).round_trips(1001) for name in ("wifi", "4G", "poor 3G")}
for name, values in trips.items():
    p50, p95, p99 = latency(values)
    print(f"{name:8} p50 {p50:5.0f} ms   p95 {p95:5.0f} ms   p99 {p99:5.0f} ms")

plots.latency_strips(
    trips, local_ms=53.7, local_name="a keyword model on a board",
    title="The median is fine. One answer in a hundred is not",
)

# %% [markdown]
# Who designs for the median disappoints everyone who waves a wand a hundred times an
# evening.
#
# The far points have a cause: a **lost packet**. The sender notices only when no
# receipt has come for a while, 200 ms at least, and sends it again. A board is slower
# than some of these answers. But its p99 is its p50.
#
# Take a link apart. **Predict first:** two packets in a hundred get lost. Which moves,
# p50 or p99? And what does a photo do that a wand's window does not?

# %%
widgets.LinkExplorer(local_ms=53.7)

# %% [markdown]
# ## 2. What fits through?
#
# A round trip is the price of asking at all. Every byte costs extra.
#
# A signal is `values` numbers of `bits` bits, `rate_hz` times a second. The link takes
# `kbps` kilobits a second, and a kilobit is 1,000 bits. How long is the link busy with
# `seconds` of the signal?

# %% task="upload-seconds"
def upload_seconds(rate_hz: float, values: int, bits: int, seconds: float, kbps: float) -> float:
    """Time, in s, for which a link of `kbps` carries `seconds` of a signal."""
    ### BEGIN SOLUTION
    return rate_hz * values * bits * seconds / (1000 * kbps)
    ### END SOLUTION

# %% wrong="upload-seconds" because="you counted bytes, and links count bits"
def upload_seconds(rate_hz, values, bits, seconds, kbps):
    return rate_hz * values * bits / 8 * seconds / (1000 * kbps)

# %% wrong="upload-seconds" because="one second of the signal"
def upload_seconds(rate_hz, values, bits, seconds, kbps):
    return rate_hz * values * bits / (1000 * kbps)

# %% wrong="upload-seconds" because="1,024 bits"
def upload_seconds(rate_hz, values, bits, seconds, kbps):
    return rate_hz * values * bits * seconds / (1024 * kbps)

# %% check="upload-seconds"
check.upload_seconds(upload_seconds)

# %% [markdown]
# What does one second of life ask of a link? A wand reads three axes 25 times, a
# microphone hears 16,000 numbers, a camera sees 15 pictures of 640 × 480 in colour.

# %%
signals = {
    "wand": (25, 3, 16),
    "microphone": (16_000, 1, 16),
    "raw video": (15, 640 * 480 * 3, 8),
}
carriers = ("4G", "poor 3G", "bluetooth")
print(f"{'':10}{'bytes/s':>12}" + "".join(f"{name:>11}" for name in carriers))
for name, (rate_hz, values, bits) in signals.items():
    speeds = [link.preset(carrier).up_kbps for carrier in carriers]
    busy = [upload_seconds(rate_hz, values, bits, 1.0, kbps) for kbps in speeds]
    print(f"{name:10}{rate_hz * values * bits / 8:>12,.0f}"
          + "".join(f"{seconds:>9,.2f} s" for seconds in busy))

# %% [markdown]
# Below one second, the signal fits. Above, the answers fall behind for ever: a
# microphone's over this Bluetooth link by 1.6 s each second. Video is compressed before
# it travels, fifty-fold and more, and compressing costs energy of its own.
#
# A wand's readings fit through anything. So far, sending them is merely slow.
#
# ## 3. Pull the plug
#
# The wand must answer within 300 ms, or the spell feels broken. Say that the server
# has the better model. And say that the player walks into a cellar.

# %%
cellar = link.Distant(link.preset("4G").unplugged(), server)
try:
    cellar.predict(window, timeout_ms=300)
except link.LinkDown as problem:
    print(problem)

# %% [markdown]
# Write a function that always answers. It receives
#
# - `window`, 128 readings;
# - `server`, whose `server.predict(window, timeout_ms=…)` gives four scores, or raises
#   `link.LinkDown` once it has waited that long;
# - `local`, the device's own model: `local.predict(window)` gives four scores after
#   `local.milliseconds`;
# - `deadline_ms`, counted from the call.
#
# It returns one of `gestures.LABELS`: the server's answer where that comes in time, the
# device's where it does not. Both have to keep the deadline.

# %% task="answer-in-time"
def answer_in_time(window: np.ndarray, server, local, deadline_ms: float) -> str:
    """Name the gesture in a window, shape (128, 3), within deadline_ms."""
    ### BEGIN SOLUTION
    try:
        scores = server.predict(window, timeout_ms=deadline_ms - local.milliseconds)
    except link.LinkDown:
        scores = local.predict(window)
    return gestures.LABELS[scores.argmax()]
    ### END SOLUTION

# %% wrong="answer-in-time" because="used up the whole deadline"
def answer_in_time(window, server, local, deadline_ms):
    try:
        scores = server.predict(window, timeout_ms=deadline_ms)
    except link.LinkDown:
        scores = local.predict(window)
    return gestures.LABELS[scores.argmax()]

# %% wrong="answer-in-time" because="LinkDown reached your caller"
def answer_in_time(window, server, local, deadline_ms):
    return gestures.LABELS[server.predict(window, timeout_ms=deadline_ms).argmax()]

# %% wrong="answer-in-time" because="Without a timeout_ms the wait for the server lasts ten seconds"
def answer_in_time(window, server, local, deadline_ms):
    try:
        scores = server.predict(window)
    except link.LinkDown:
        scores = local.predict(window)
    return gestures.LABELS[scores.argmax()]

# %% wrong="answer-in-time" because="never asks the server"
def answer_in_time(window, server, local, deadline_ms):
    return gestures.LABELS[local.predict(window).argmax()]

# %% wrong="answer-in-time" because="one of 'wing'"
def answer_in_time(window, server, local, deadline_ms):
    try:
        return int(server.predict(window, timeout_ms=deadline_ms - local.milliseconds).argmax())
    except link.LinkDown:
        return int(local.predict(window).argmax())

# %% check="answer-in-time"
check.answer_in_time(link.on_scripted_links(answer_in_time))

# %%
local = link.Local(near, milliseconds=53.7)  # a board's time for a keyword model
for place, asked in {"in the garden": far, "in the cellar": cellar}.items():
    name = answer_in_time(window, asked, local, 300)
    print(f"{place}: {name}, after {asked.last_ms:.0f} ms with the server")

# %% [markdown]
# Look at what the fallback needed: a model on the device. Once it is there, the server
# has to earn its place.
#
# ## 4. What does asking cost?
#
# Energy is power times time. A milliwatt for a millisecond is a microjoule, and a
# thousand of those are a millijoule, mJ. The course has a table of what radios and
# processors draw, each with its source.

# %%
energy.table(
    "inference.small", "board.radio_sending", "phone_wifi.wake", "phone_wifi.tail",
    "phone_4g.wake", "phone_4g.tail",
)

# %% [markdown]
# Read the last line twice. A 4G radio stays awake for seconds after the last packet,
# in case another comes. This is its **tail**. It was measured on one phone in one
# network in 2012; later ones let go sooner, after 2 to 10 s.
#
# Your function receives the phases of one job: a power in mW and a time in ms for each,
# two arrays of the same length. It returns the energy in mJ.

# %% task="millijoules"
def millijoules(milliwatts: np.ndarray, milliseconds: np.ndarray) -> float:
    """Energy in mJ of N phases, each with a power in mW and a time in ms."""
    ### BEGIN SOLUTION
    return float(np.sum(milliwatts * milliseconds) / 1000)
    ### END SOLUTION

# %% wrong="millijoules" because="these are microjoules"
def millijoules(milliwatts, milliseconds):
    return float(np.sum(milliwatts * milliseconds))

# %% wrong="millijoules" because="you multiplied total power by total time"
def millijoules(milliwatts, milliseconds):
    return float(np.sum(milliwatts) * np.sum(milliseconds) / 1000)

# %% wrong="millijoules" because="the radio's tail, is missing"
def millijoules(milliwatts, milliseconds):
    return float(np.sum(milliwatts[:-1] * milliseconds[:-1]) / 1000)

# %% check="millijoules"
check.millijoules(millijoules)

# %% [markdown]
# One window is 1,536 bytes. **Predict first:** a board computes the answer, or a radio
# sends the question. Which costs more, and how many times?

# %%
radio = energy.draw("board.radio_sending")
on_air = 8 * 1536 / 1000  # ms, at Bluetooth's 1,000 kbit/s

costs = {
    "compute on the board": millijoules(*energy.phases("inference.small")),
    "send over Bluetooth": millijoules(np.array([radio.milliwatts]), np.array([on_air])),
    "send over Wi-Fi": millijoules(*energy.phases("phone_wifi.wake", "phone_wifi.tail")),
    "send over 4G": millijoules(*energy.phases("phone_4g.wake", "phone_4g.tail")),
}
ratio = round(costs["send over 4G"] / costs["compute on the board"], -3)
plots.cost_dots(costs, unit="mJ", title=f"Asking over 4G costs {ratio:,.0f} times the computing")

# %% [markdown]
# The sending itself takes a millisecond on 4G; waking up and the tail cost the rest.
# Bluetooth is the exception: 12 ms on air cost less than the computing. Then the phone
# has the window, and somebody still has to compute.
#
# ## 5. How long does a coin cell last?
#
# A device sleeps, wakes for a moment, sleeps again. Its **mean current** lies between the
# two, weighted by time. Your function receives
#
# - `capacity_mah`, what the battery holds, in mAh: 1 mAh is 1 mA for an hour;
# - `sleep_ma` and `busy_ma`, the two currents;
# - `busy_ms`, how long it is busy, and `every_s`, how often.
#
# It returns days.

# %% task="battery-days"
def battery_days(
    capacity_mah: float, sleep_ma: float, busy_ma: float, busy_ms: float, every_s: float
) -> float:
    """Days on a battery for a device that is busy for busy_ms, every every_s seconds."""
    ### BEGIN SOLUTION
    share = busy_ms / 1000 / every_s
    mean_ma = share * busy_ma + (1 - share) * sleep_ma
    return capacity_mah / mean_ma / 24
    ### END SOLUTION

# %% wrong="battery-days" because="draws nothing while it sleeps"
def battery_days(capacity_mah, sleep_ma, busy_ma, busy_ms, every_s):
    return capacity_mah / (busy_ma * busy_ms / 1000 / every_s) / 24

# %% wrong="battery-days" because="these are hours"
def battery_days(capacity_mah, sleep_ma, busy_ma, busy_ms, every_s):
    share = busy_ms / 1000 / every_s
    return capacity_mah / (share * busy_ma + (1 - share) * sleep_ma)

# %% wrong="battery-days" because="the mean of the two currents"
def battery_days(capacity_mah, sleep_ma, busy_ma, busy_ms, every_s):
    return capacity_mah / ((busy_ma + sleep_ma) / 2) / 24

# %% check="battery-days"
check.battery_days(battery_days)

# %% [markdown]
# A wand looks at its readings every 1.28 s. Its accelerometer never sleeps.

# %%
coin = energy.battery("cr2032")
asleep = energy.draw("board.asleep").milliamperes + energy.draw("board.accelerometer").milliamperes
for size in ("small", "large"):
    draw = energy.draw(f"inference.{size}")
    days = battery_days(
        coin.milliampere_hours, asleep, draw.milliamperes, draw.milliseconds, every_s=1.28
    )
    print(f"{draw.what}, {draw.milliseconds:.0f} ms each time: {days:.1f} days")

# %% [markdown]
# The large model eats a coin cell in a working week. Yet most of the day a wand lies
# on a table.
#
# ## 6. Wake it when it matters
#
# A **cascade** puts something cheap in front of something dear. The cheap part looks
# always and decides one thing: is this worth waking for?
#
# Here is ten minutes of somebody with a wand, in pieces of 32 readings, 1.28 s each.
# The cheap part is a **gate**: the spread of the axis that moves most.

# %%
practice = streams.gesture_stream(seconds=600, events_per_minute=1, person=0, seed=0)
pieces = practice.readings[: 468 * 32].reshape(468, 32, 3) / 1000  # in g
spread = pieces.std(axis=1).max(axis=1)
spans = [(event.start_s, event.end_s) for event in practice.events]

gate, large = energy.draw("inference.gate"), energy.draw("inference.large")

def joules_per_day(share_awake: float) -> float:
    always = 3.0 * asleep * energy.SECONDS_PER_DAY  # 3 V, mA and s: mJ
    each = gate.millijoules + share_awake * large.millijoules
    return (always + energy.SECONDS_PER_DAY / 1.28 * each) / 1000

# %% [markdown]
# **Predict first:** the model must wake for every gesture. By which factor can a
# threshold cut the energy? Then move the slider.

# %%
widgets.GateExplorer(
    spread, spans, piece_s=1.28, joules_per_day=joules_per_day, battery_joules=coin.joules
)

# %% [markdown]
# Your turn. `wake` receives one piece, shape (32, 3) in g, and returns `True` to wake
# the large model. With eight people you have not met it may cost 110 J a day, and it
# has to wake for 90 % of their gestures.

# %% task="wake"
def wake(piece: np.ndarray) -> bool:
    """Whether this piece, shape (32, 3) in g, is worth waking the large model for."""
    ### BEGIN SOLUTION
    return bool(piece.std(axis=0).max() >= 0.17)
    ### END SOLUTION

# %% wrong="wake" because="wakes the model for every piece"
def wake(piece):
    return True

# %% wrong="wake" because="never wakes the model"
def wake(piece):
    return bool(piece.std(axis=0).max() > 9)

# %% wrong="wake" because="no model behind it can find"
def wake(piece):
    return bool(piece.std(axis=0).max() >= 0.6)

# %% wrong="wake" because="The model is awake for"
def wake(piece):
    return bool(piece.std(axis=0).max() >= 0.03)

# %% wrong="wake" because="True or False"
def wake(piece):
    return piece.std(axis=0).max()

# %% check="wake"
check.wake(wake)

# %% [markdown]
# Put the cascade together: your gate in front, your gesture model behind it, on the
# last 128 readings whenever the gate says so.

# %%
awake = [number for number in range(3, 468) if wake(pieces[number])]
named = {}
for number in awake:
    last = pieces[number - 3 : number + 1].reshape(128, 3)
    named[number] = gestures.LABELS[near.predict(last).argmax()]

def was_named(event) -> bool:
    soon = [n for n in awake if event.start_s < 1.28 * (n + 1) < event.end_s + 4]
    return event.label in [named[number] for number in soon]

found = sum(was_named(event) for event in practice.events)
print(f"The model ran {len(awake)} times, not 465.")
print(f"It named {found} of {len(spans)} gestures.")

# %% [markdown]
# Speakers that wait for a word do the same in three steps: any sound, then speech,
# then the word. Each wakes the next and dearer one.
#
# ## 7. What leaves?
#
# Everything you sent over a link was somebody's movement. Who is on the other end,
# and for how long do they keep it?

# %% task="what-leaves"
choice = "?"
### BEGIN SOLUTION
choice = "c"
### END SOLUTION

# %% wrong="what-leaves" because="as personal as handwriting"
choice = "b"

# %% wrong="what-leaves" because="a promise that nobody can see kept"
choice = "a"

# %% check="what-leaves"
check.what_leaves(choice)

# %% [markdown]
# ## 8. On the device
#
# What did this run say, on one page?

# %%
share = len(awake) / 465
joules = joules_per_day(share)
p99, sent = latency(trips["4G"])[2], 25 * 3 * 2 * energy.SECONDS_PER_DAY / 1e6
print(f"Answer, p99:       {p99:.0f} ms over 4G, 53.7 ms on a board")
print(f"Movements sent:    {sent:.0f} MB a day to a server, none from the device")
print(f"Coin cell:         {coin.joules / joules_per_day(1):.1f} days always awake, "
      f"{coin.joules / joules:.0f} behind your gate")

# %% [markdown]
# ## What you built
#
# - Four sums that tell whether an idea can work before anybody builds it.
# - A function that answers in time, with or without a link.
# - A cascade that looks all day and computes for a tenth of it.
#
# Next, Module 05 opens the file that has been answering all along. The lab
# `model_cascade` builds the three steps of a speaker: sound, speech, word.
#
# <details><summary>If you wonder: when is the server right?</summary>
#
# When the model does not fit, as a language model of 100 GB. When the data is there
# already, as a library of songs is. When answers are rare and can wait. When the device
# hangs on mains power and a cable. And many products do both: the device answers at
# once, the server later and better.
#
# Round trips and bandwidths here are WebPageTest's profiles of real networks; jitter
# and loss are plain ranges. `print(link.summary(link.PRESETS.values()))` lists them.
# The first request of a connection is slower still: one more round trip to connect, and
# one or two to agree on encryption.
#
# </details>
