"""The sensor player, the confusion explorer and both captures in a real JupyterLab.

The camera sees a moving ball and the microphone hears a tone of 1 kHz, both made here.
Screenshots are kept in ``test-output/widgets``.
"""

import contextlib
import io
import json
import re
import shutil
import wave

import numpy as np
import pytest

from course import syllabus

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOTS = syllabus.root() / "test-output" / "widgets"
TONE_HZ = 1000
CELLS = [
    """
import numpy as np
from course import widgets
rng = np.random.default_rng(0)
t = np.arange(25 * 60) / 25
names = ["wing", "ring", "slope", "negative"]
events = [(6.0, 10.0, "wing"), (17.0, 20.5, "ring"), (31.0, 35.0, "slope"), (48.0, 50.0, "ring")]
readings = 40 * rng.normal(size=(len(t), 3)) + [0, 0, 1000]
for start, end, _ in events:
    inside = (t >= start) & (t < end)
    turn = 2 * np.pi * (t[inside] - start) / (end - start)
    readings[inside] += 700 * np.stack([np.sin(turn), np.cos(2 * turn), np.sin(3 * turn)], 1)
ends = (np.arange(1 + (len(t) - 128) // 12) * 12 + 128) / 25
scores = np.full((len(ends), 4), 0.02)
labels = []
for place, end in enumerate(ends):
    found = [name for a, b, name in events if a < end - 2.5 < b]
    labels.append(found[0] if found else "negative")
    scores[place, names.index(labels[-1])] = 0.94
player = widgets.SensorPlayer(readings, sample_rate_hz=25, window=128, stride=12, events=events,
    labels=labels, units="mg", scores=scores, score_names=names)
player
""",
    """
true = rng.choice(names, 160)
said = np.where(rng.random(160) < 0.8, true, rng.choice(names, 160))
wave = np.sin(np.arange(128)[None, :, None] / rng.uniform(3, 20, (160, 1, 3)))
explorer = widgets.ConfusionExplorer(true, said, 900 * wave, sample_rate_hz=25, units="mg",
    label_names=names)
explorer
""",
    """
words = np.array(["yes", "no", "yes", "no", "yes", "unknown"])
bands = np.clip(rng.normal(size=(6, 49, 40)).cumsum(axis=1) * 20, -128, 127).astype(np.int8)
clips = [(8000 * np.sin(np.arange(16_000) / (3 + k))).astype(np.int16) for k in range(6)]
clips[3] = None
widgets.ConfusionExplorer(words, ["yes", "yes", "yes", "yes", None, "no"], bands,
    sample_rate_hz=50, sounds=clips)
""",
    """
digits = rng.integers(0, 17, (40, 8, 8))
widgets.ConfusionExplorer(np.arange(40) % 3, np.arange(40) % 4, digits)
""",
    """
shapes = ["rock", "paper"]
bundled = {name: rng.integers(0, 255, (5, 96, 96, 3), dtype=np.uint8) for name in shapes}
camera = widgets.CameraCapture(shapes, fallback=bundled)
camera
""",
    """
said = {name: (8000 * rng.normal(size=(3, 16_000))).astype(np.int16) for name in ["yes", "no"]}
microphone = widgets.MicrophoneCapture(["yes", "no"], fallback=said)
microphone
""",
    """
import time
from course.training import keras
curve = widgets.LearningCurve(30)
class Slow(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        time.sleep(0.3)
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])
model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
x = rng.normal(size=(200, 2))
history = model.fit(x, x[:, 0] > 0, validation_split=0.2, epochs=30, verbose=0,
    callbacks=[curve.callback(), Slow()])
""",
    """
import json
clip = microphone.examples()[-1].astype(float)
print(json.dumps({
    "window": player.window_index,
    "pictures": [camera.uses_fallback, list(camera.examples().shape), camera.names.tolist(),
                 float(camera.examples().std())],
    "clips": [microphone.uses_fallback, list(microphone.examples().shape),
              microphone.names.tolist(),
              int(np.abs(np.fft.rfft(clip)).argmax() * 16_000 / len(clip)), clip.std()],
    "states": [camera.state, microphone.state],
}))
""",
]
LAST = len(CELLS) - 1


def moving_ball(path):
    """Write a camera clip: JPEG pictures one after the other are a valid MJPEG file."""
    image = pytest.importorskip("PIL.Image")
    draw = pytest.importorskip("PIL.ImageDraw")
    with path.open("wb") as clip:
        for step in range(40):
            picture = image.new("RGB", (640, 480), (50, 60, 90))
            left = 200 + step
            draw.Draw(picture).ellipse([left, 130, left + 220, 350], fill=(230, 180, 160))
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=85, subsampling=2)
            clip.write(buffer.getvalue())


def tone(path):
    with wave.open(str(path), "wb") as clip:
        clip.setparams((1, 2, 48_000, 0, "NONE", ""))
        samples = 12_000 * np.sin(2 * np.pi * TONE_HZ * np.arange(480_000) / 48_000)
        clip.writeframes(samples.astype("<i2").tobytes())


@pytest.fixture(scope="module")
def address(jupyterlab):
    SHOTS.mkdir(parents=True, exist_ok=True)
    with jupyterlab(CELLS) as address:
        yield address


@pytest.fixture(scope="module")
def with_media(chromium, tmp_path_factory):
    """A Chromium whose camera and microphone play the two files."""
    folder = tmp_path_factory.mktemp("media")
    moving_ball(folder / "camera.mjpeg")
    tone(folder / "microphone.wav")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    options = [
        "--no-sandbox",
        "--disable-gpu",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={folder / 'camera.mjpeg'}",
        f"--use-file-for-fake-audio-capture={folder / 'microphone.wav'}",
    ]
    browser = chromium.browser_type.launch(executable_path=found, args=options)
    yield browser
    browser.close()


@pytest.fixture
def opened(address, open_notebook):
    """Open the notebook in a browser and run its cells; all but the two last ones by default."""
    with contextlib.ExitStack() as stack:

        def open_in(browser, *, width, permissions=(), cells=None):
            context = browser.new_context(
                viewport={"width": width, "height": 1500}, permissions=permissions
            )
            stack.callback(context.close)
            notebook = open_notebook(context, address)
            cells = range(LAST - 1) if cells is None else cells
            for index in cells:
                notebook.run(index)
            notebook.wait_for_widgets(len(cells))
            return notebook

        yield open_in


def shot(notebook, selector, name, nth=0):
    widget = notebook.page.locator(selector).nth(nth)
    widget.scroll_into_view_if_needed()
    notebook.page.wait_for_timeout(300)
    widget.screenshot(path=SHOTS / f"{name}.png")


def look(notebook, width, theme=""):
    for selector, name in (
        (".on-device-sensor-player", "sensor_player"),
        (".on-device-camera", "camera"),
        (".on-device-microphone", "microphone"),
    ):
        shot(notebook, selector, f"{name}_{width}{theme}")
    for nth, name in enumerate(("signals", "bands", "pictures")):
        shot(notebook, ".on-device-confusion-explorer", f"confusion_{name}_{width}{theme}", nth)


def test_the_widgets_work_by_keyboard_with_a_camera_and_a_microphone(with_media, opened):
    from playwright.sync_api import expect

    notebook = opened(with_media, width=1280, permissions=["camera", "microphone"])
    page = notebook.page

    player = page.locator(".on-device-sensor-player")
    slider = player.get_by_role("slider")
    slider.press("ArrowRight")
    expect(player.locator(".od-readout")).to_have_text("Window 1, 0.48–5.60 s")
    slider.press("PageUp")
    expect(player.locator(".od-readout")).to_contain_text("Window 11,")
    expect(player.locator(".od-answer")).to_contain_text("Label: wing")
    expect(player.locator(".od-answer")).to_contain_text("Highest score: wing 0.94")
    slider.press(" ")
    expect(player.get_by_role("button", name="Pause")).to_be_visible()
    expect(player.locator(".od-readout")).not_to_contain_text("Window 11,")
    player.get_by_role("button", name="Pause").press("Enter")
    expect(player.get_by_role("button", name="Play")).to_be_visible()
    slider.press("End")
    expect(player.locator(".od-readout")).to_contain_text("Window 114,")

    explorer = page.locator(".on-device-confusion-explorer").first
    chosen = explorer.locator(".od-cell[aria-pressed=true]")
    before = chosen.get_attribute("aria-label")
    chosen.press("ArrowLeft" if "taken for negative" in before else "ArrowRight")
    assert explorer.locator(".od-cell:focus").get_attribute("aria-label") != before
    diagonal = explorer.get_by_role("button", name="wing named rightly")
    diagonal.press("Enter")
    expect(explorer.get_by_role("status").first).to_contain_text("wing, named rightly")
    expect(explorer.locator("figure")).to_have_count(4)
    explorer.get_by_role("button", name="Next").press("Enter")
    expect(explorer.locator(".od-panel")).to_contain_text("5–8 of 24")

    heard = page.locator(".on-device-confusion-explorer").nth(1)
    heard.get_by_role("button", name="no taken for yes").press("Enter")
    expect(heard.get_by_role("button", name="Play example 1")).to_be_visible()
    # The other example of this cell has no sound.
    expect(heard.get_by_role("button", name="Play example")).to_have_count(1)
    heard.get_by_role("button", name="Play example 1").press("Enter")
    expect(heard).not_to_contain_text("cannot play")

    camera = page.locator(".on-device-camera")
    expect(camera).to_contain_text("5 bundled")
    camera.get_by_role("button", name="Start camera").press("Enter")
    expect(camera.locator(".od-words")).to_contain_text("The camera is on.")
    for name in ("rock", "paper", "paper"):
        camera.get_by_role("button", name=f"Take a picture of {name}").press("Enter")
    expect(camera).to_contain_text("In use: 3 pictures of your own.")
    camera.get_by_role("button", name="Remove the latest").press("Enter")
    expect(camera).to_contain_text("In use: 2 pictures of your own.")
    expect(camera.locator(".od-shot")).to_have_count(2)

    camera.get_by_role("button", name="Take a picture of rock").hover()
    page.mouse.down()
    page.wait_for_timeout(1500)
    page.mouse.up()
    page.wait_for_timeout(500)
    taken = int(camera.locator(".od-label .od-number").first.inner_text())
    assert taken > 3
    for _ in range(taken - 1):
        camera.get_by_role("button", name="Remove the latest").click()
    expect(camera).to_contain_text("In use: 2 pictures of your own.")

    microphone = page.locator(".on-device-microphone")
    microphone.get_by_role("button", name="Start microphone").press("Enter")
    expect(microphone.locator(".od-words")).to_contain_text("The microphone is on.")
    for count, name in enumerate(("yes", "no"), 1):
        microphone.get_by_role("button", name=f"Record {name}").press("Enter")
        clips = microphone.get_by_role("button", name=f"Play a clip of {name}")
        if count == 2:
            expect(microphone).to_contain_text("In use: 2 clips of your own.", timeout=20_000)
        expect(clips).to_have_count(1, timeout=20_000)
    microphone.get_by_role("button", name="Play a clip of no").press("Enter")
    expect(microphone).not_to_contain_text("cannot play")

    said = json.loads(notebook.run(LAST))
    assert said["window"] == 114
    assert said["pictures"][:3] == [False, [2, 96, 96, 3], ["rock", "paper"]]
    assert said["pictures"][3] > 20
    assert said["clips"][:3] == [False, [2, 16_000], ["yes", "no"]]
    assert abs(said["clips"][3] - TONE_HZ) <= 2
    assert said["clips"][4] > 1000
    assert said["states"] == ["live", "live"]

    look(notebook, 1280)
    camera.get_by_role("button", name="Stop camera").press("Enter")
    expect(camera.locator(".od-words")).to_have_text("The camera is off.")
    assert notebook.errors == []


def test_without_camera_and_microphone_the_widgets_say_so_and_bundled_data_stands_in(
    chromium, opened
):
    from playwright.sync_api import expect

    notebook = opened(chromium, width=900)
    page = notebook.page
    for device in ("camera", "microphone"):
        widget = page.locator(f".on-device-{device}")
        widget.get_by_role("button", name=f"Start {device}").click()
        expect(widget.locator(".od-words")).to_contain_text(
            "Until then the bundled examples are in use.", timeout=20_000
        )
        expect(widget.get_by_role("button", name=f"Start {device}")).to_be_visible()
    said = json.loads(notebook.run(LAST))
    assert said["pictures"][:2] == [True, [10, 96, 96, 3]]
    assert said["clips"][:2] == [True, [6, 16_000]]
    assert set(said["states"]) <= {"missing", "denied"}
    look(notebook, 900)
    page.evaluate(
        "jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    page.wait_for_timeout(1000)
    look(notebook, 900, "_dark")
    assert notebook.errors == []


def test_a_camera_that_is_not_allowed_and_an_address_that_is_not_safe_are_told_apart(
    with_media, opened
):
    from playwright.sync_api import expect

    notebook = opened(with_media, width=900, cells=[0, 4, 5])
    widgets = {
        device: notebook.page.locator(f".on-device-{device}").last
        for device in ("camera", "microphone")
    }
    for device, widget in widgets.items():
        widget.get_by_role("button", name=f"Start {device}").click()
        expect(widget.locator(".od-words")).to_contain_text(f"The {device} was not allowed.")
    # What a page has that came from another computer without https.
    notebook.page.evaluate("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")
    for device, widget in widgets.items():
        widget.get_by_role("button", name=f"Start {device}").click()
        expect(widget.locator(".od-words")).to_contain_text("only on localhost and https")
    said = json.loads(notebook.run(LAST))
    assert said["states"] == ["insecure", "insecure"]
    assert notebook.errors == []


def test_a_learning_curve_draws_while_the_model_is_still_training(chromium, opened):
    from playwright.sync_api import expect

    notebook = opened(chromium, width=1280, cells=[0])
    page = notebook.page
    page.evaluate(
        f"""() => {{
            const notebook = jupyterapp.shell.currentWidget.content;
            notebook.activeCellIndex = {LAST - 1};
            notebook.deselectAll();
            window.training = jupyterapp.commands.execute('notebook:run-cell').then(() => 'done');
        }}"""
    )
    curve = page.locator(".on-device-learning-curve")
    expect(curve).to_contain_text(re.compile(r"Epoch ([1-9]|[12]\d) of 30"), timeout=60_000)
    state = page.evaluate("Promise.race([window.training, Promise.resolve('still training')])")
    assert state == "still training"
    shot(notebook, ".on-device-learning-curve", "learning_curve_training")
    expect(curve).to_contain_text("finished", timeout=60_000)
    assert notebook.errors == []
