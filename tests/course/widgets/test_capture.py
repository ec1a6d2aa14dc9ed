"""Camera and microphone: what comes from the browser is checked, and bundled data stands in."""

import json
import shutil
import subprocess
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.widgets import CameraCapture, MicrophoneCapture, _capture
from course.widgets._base import script

BUNDLED = {
    "rock": np.full((3, 8, 8, 3), 10, np.uint8),
    "paper": np.full((2, 8, 8, 3), 20, np.uint8),
}


@pytest.fixture
def camera(monkeypatch):
    capture = CameraCapture(["rock", "paper"], size=8, fallback=BUNDLED)
    capture.sent = []
    monkeypatch.setattr(capture, "send", lambda content, buffers=None: capture.sent.append(content))
    return capture


def press(capture, label, value=7, serial=1):
    """What the browser sends when a button is pressed."""
    data = np.full(capture._shape, value, capture._dtype).tobytes()
    content = {"kind": "example", "label": label, "serial": serial}
    capture._receive(capture, content, [memoryview(data)])


def test_without_a_front_end_the_bundled_pictures_are_there_at_once(camera):
    assert camera.uses_fallback
    assert camera.examples().shape == (5, 8, 8, 3)
    assert camera.labels.tolist() == [0, 0, 0, 1, 1]
    assert camera.names.tolist() == ["rock"] * 3 + ["paper"] * 2
    assert camera.state == "off"
    text = camera._fallback_text()
    assert "Bundled pictures: 3 of rock, 2 of paper." in text
    assert "open in a browser, and a camera" in text


def test_own_pictures_replace_the_bundled_ones_once_every_label_has_one(camera):
    press(camera, 0, 1)
    assert camera.uses_fallback
    assert "until paper has one of your own" in camera._status
    press(camera, 1, 2)
    press(camera, 0, 3)
    assert not camera.uses_fallback
    assert camera.examples()[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert camera.labels.tolist() == [0, 1, 0]
    assert camera._status == "In use: 3 pictures of your own."
    assert camera._counts == [2, 1]
    assert "Your own pictures: 2 of rock, 1 of paper." in camera._fallback_text()
    assert [message["kind"] for message in camera.sent] == ["taken"] * 3


def test_the_latest_can_be_removed_and_all_can_be_cleared(camera):
    for label in (0, 1, 1):
        press(camera, label)
    camera._receive(camera, {"kind": "remove"}, [])
    assert camera._counts == [1, 1]
    camera.clear()
    assert camera._counts == [0, 0]
    camera._receive(camera, {"kind": "remove"}, [])
    assert camera.uses_fallback


def test_what_was_handed_out_is_not_changed_later(camera):
    camera.examples()[:] = 99
    assert camera.examples().max() == 20
    for label in (0, 1):
        press(camera, label)
    camera.examples()[:] = 99
    assert camera.examples().max() == 7


@pytest.mark.parametrize(
    ("content", "buffers", "reason"),
    [
        ({"label": 2}, [bytes(192)], "no label of this widget"),
        ({"label": -1}, [bytes(192)], "no label of this widget"),
        ({"label": True}, [bytes(192)], "no label"),
        ({"label": "rock"}, [bytes(192)], "no label"),
        ({"label": 0}, [], "one piece"),
        ({"label": 0}, None, "one piece"),
        ({"label": 0}, [bytes(96), bytes(96)], "one piece"),
        ({"label": 0}, [bytes(191)], "191 bytes and should have 192"),
        ({"label": 0}, [bytes(0)], "0 bytes"),
    ],
)
def test_a_picture_that_is_not_right_is_refused_with_its_reason(camera, content, buffers, reason):
    camera._receive(camera, {"kind": "example", "serial": 5} | content, buffers)
    (answer,) = camera.sent
    assert (answer["kind"], answer["serial"]) == ("refused", 5)
    assert reason in answer["text"]
    assert camera._counts == [0, 0]


def test_there_is_a_limit_for_each_label(camera, monkeypatch):
    monkeypatch.setattr(_capture, "MOST_PER_LABEL", 2)
    for _ in range(3):
        press(camera, 0)
    press(camera, 1)
    assert camera._counts == [2, 1]
    assert [message["kind"] for message in camera.sent] == ["taken", "taken", "refused", "taken"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(
    json_values
    | st.fixed_dictionaries(
        {"kind": st.sampled_from(["example", "remove", "state"])},
        optional={
            "label": json_values | st.integers(0, 1),
            "serial": json_values,
            "state": json_values,
        },
    ),
    st.none() | st.lists(st.binary(max_size=200) | st.just(bytes(192)), max_size=2),
)
def test_no_message_raises_or_adds_what_is_not_a_picture(content, buffers):
    capture = CameraCapture(["rock", "paper"], size=8)
    capture._receive(capture, content, buffers)
    assert len(capture.examples()) == len(capture.labels) <= 1
    assert capture.state in _capture._STATES
    if len(capture.examples()):
        assert len(buffers[0]) == 192


def test_what_the_browser_says_about_the_device_is_kept(camera):
    camera._receive(camera, {"kind": "state", "state": "denied"}, [])
    assert camera.state == "denied"
    camera._receive(camera, {"kind": "state", "state": "on fire"}, [])
    assert camera.state == "denied"


def test_examples_may_be_read_while_others_arrive(camera):
    for label in (0, 1):
        press(camera, label)
    writer = threading.Thread(target=lambda: [press(camera, n % 2) for n in range(200)])
    writer.start()
    while writer.is_alive():
        assert len(camera.examples()) >= 2
    writer.join()
    assert len(camera.examples()) == len(camera.labels) == 202


def test_without_bundled_data_there_is_nothing_until_the_first_capture():
    capture = MicrophoneCapture(["yes", "no"], seconds=0.5)
    assert capture.examples().shape == (0, 8000)
    assert (len(capture.labels), len(capture.names)) == (0, 0)
    assert "There is no clip yet." in capture._fallback_html()
    press(capture, 1, -300)
    assert capture.examples().tolist() == [[-300] * 8000]
    assert capture.names.tolist() == ["no"]


def test_clips_are_int16_in_the_byte_order_of_the_browser():
    capture = MicrophoneCapture(seconds=0.1)
    data = np.arange(1600).astype("<i2").tobytes()
    capture._receive(capture, {"kind": "example", "label": 0, "serial": 1}, [data])
    assert capture.examples().dtype == np.int16
    assert capture.examples()[0].tolist() == list(range(1600))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CameraCapture([]), "1 to 12"),
        (lambda: CameraCapture(["a", "a"]), "different names"),
        (lambda: CameraCapture(["a", " "]), "different names"),
        (lambda: CameraCapture("rock"), "list of names"),
        (lambda: CameraCapture(["a"], size=4), "from 8 to 256"),
        (lambda: CameraCapture(["a"], size=8.0), "from 8 to 256"),
        (lambda: MicrophoneCapture(seconds=60), "between 0.1 and 10"),
        (lambda: MicrophoneCapture(seconds="1"), "between 0.1 and 10"),
        (lambda: CameraCapture(["rock"], size=8, fallback=BUNDLED), "of each of rock"),
        (lambda: CameraCapture(["rock", "paper"], fallback=BUNDLED), r"\(N, 96, 96, 3\)"),
        (lambda: MicrophoneCapture(["a"], fallback={"a": np.zeros((1, 16_000))}), "int16"),
        (lambda: MicrophoneCapture(["a"], fallback={"a": []}), "has the shape"),
    ],
)
def test_what_does_not_fit_together_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_resampling_keeps_speech_and_removes_what_16_kHz_cannot_hold(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("There is no node on this computer.")
    code = (
        script("_capture", "microphone")
        + """
const decibels = (frequency, from) => {
  const turn = (2 * Math.PI * frequency) / from;
  const signal = Float32Array.from({ length: from }, (_, i) => Math.sin(turn * i));
  const middle = resample(signal, from, 16000, 16000).slice(500, 15500);
  const power = middle.reduce((sum, value) => sum + value * value, 0) / middle.length;
  return 10 * Math.log10(2 * power);
};
console.log(JSON.stringify([48000, 44100, 16000, 8000].map((from) =>
  [300, 3000, 6000, 9000, 12000].filter((f) => f < from / 2).map((f) => decibels(f, from)))));
"""
    )
    path = tmp_path / "code.mjs"
    path.write_text(code, encoding="utf-8")
    ran = subprocess.run([node, str(path)], capture_output=True, text=True, timeout=60, check=True)
    for levels in json.loads(ran.stdout):
        assert all(abs(level) < 0.2 for level in levels[:3])
        assert all(level < -50 for level in levels[3:])
