"""Windows, resampling, spectra and keyword features, against references and rules they keep."""

import doctest
import hashlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from course import features
from course.features import KeywordFeatures, mel_filterbank, resample, spectrogram, windows

RATE = 16_000
# Of `made_sound()`, and equal to what TensorFlow's own build of the C code answers; when it
# changes, every keyword model's input has changed.
FINGERPRINT = "9acf3a8728d1f711"


def made_sound(seconds=1.0, seed=0):
    """Noise, a buzz that comes and goes, and two clipped moments; in whole numbers throughout."""
    count = int(seconds * RATE)
    n = np.arange(count)
    buzz = n * 140 % RATE - RATE // 2
    loudness = np.abs(n * 5 % 24_000 - 12_000)
    sound = np.random.default_rng(seed).integers(-300, 300, count) + buzz * loudness // 12_000
    sound[count // 2 : count // 2 + 50] = 40_000
    sound[-50:] = -40_000
    return np.clip(sound, -32_768, 32_767).astype(np.int16)


def tone(hz, *, rate, seconds=1.0, amplitude=1.0):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)


# --- Windows --------------------------------------------------------------------------------


@given(
    signal=hnp.arrays(np.int16, hnp.array_shapes(min_dims=1, max_dims=3, max_side=40)),
    length=st.integers(1, 45),
    stride=st.integers(1, 45),
)
def test_windows_are_the_slices_that_a_loop_cuts(signal, length, stride):
    cut = windows(signal, length=length, stride=stride)
    starts = range(0, len(signal) - length + 1, stride)
    assert cut.shape == (len(starts), length, *signal.shape[1:])
    for window, start in zip(cut, starts, strict=True):
        assert np.array_equal(window, signal[start : start + length])


@given(readings=st.integers(0, 300), length=st.integers(1, 90), stride=st.integers(1, 90))
def test_the_number_of_windows_follows_the_documented_formula(readings, length, stride):
    expected = (readings - length) // stride + 1 if readings >= length else 0
    assert len(windows(np.zeros(readings), length=length, stride=stride)) == expected


@pytest.mark.parametrize("readings", [5, 100])
def test_windows_cannot_be_written_into(readings):
    cut = windows(np.zeros(readings), length=10, stride=5)
    with pytest.raises(ValueError, match="read-only"):
        cut[...] = 1


def test_windows_are_a_view_of_the_signal():
    signal = np.zeros((1000, 3))
    assert np.shares_memory(windows(signal, length=128, stride=64), signal)


@pytest.mark.parametrize(
    ("signal", "length", "stride", "said"),
    [
        (np.float64(3), 2, 1, "array of readings"),
        ([[1, 2], [3]], 1, 1, "same shape"),
        (np.zeros(9), 0, 1, "length must be at least 1"),
        (np.zeros(9), 2, -1, "stride must be at least 1"),
        (np.zeros(9), 2.5, 1, "length must be a whole number"),
        (np.zeros(9), True, 1, "length must be a whole number"),
    ],
)
def test_windows_that_cannot_be_cut_are_refused_in_words(signal, length, stride, said):
    with pytest.raises(ValueError, match=said):
        windows(signal, length=length, stride=stride)


# --- Resampling -----------------------------------------------------------------------------

RATES = [(44_100, 16_000), (48_000, 16_000), (22_050, 16_000), (8_000, 16_000), (60, 25), (25, 50)]


def middle(signal):
    """Without the tenth at either end, where the filter reaches beyond the signal."""
    return signal[len(signal) // 10 : -len(signal) // 10]


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@pytest.mark.parametrize("share", [0.05, 0.4, 0.85])
def test_a_tone_below_the_lower_nyquist_frequency_stays_that_tone(from_hz, to_hz, share):
    hz = share * min(from_hz, to_hz) / 2
    seconds = 400 / min(from_hz, to_hz)
    ours = resample(tone(hz, rate=from_hz, seconds=seconds), from_hz=from_hz, to_hz=to_hz)
    true = np.sin(2 * np.pi * hz * np.arange(len(ours)) / to_hz)
    # 0.1 dB is 1.2 %.
    assert np.abs(middle(ours) - middle(true)).max() < 0.012


@pytest.mark.parametrize(("from_hz", "to_hz"), [r for r in RATES if r[0] > r[1]])
@pytest.mark.parametrize("above", [1.1, 1.35])
def test_what_the_new_rate_cannot_hold_is_removed_rather_than_folded(from_hz, to_hz, above):
    hz = above * to_hz / 2
    signal = tone(hz, rate=from_hz, seconds=400 / to_hz)
    # −60 dB is a thousandth.
    assert np.abs(middle(resample(signal, from_hz=from_hz, to_hz=to_hz))).max() < 1e-3


def test_picking_every_second_reading_would_fold_that_tone():
    naive = tone(10_000, rate=32_000)[::2]
    assert np.abs(middle(naive)).max() > 0.9


@settings(max_examples=40, deadline=None)
@given(
    readings=st.integers(1, 500),
    from_hz=st.sampled_from([25, 59.94, 60, 100, 1000]),
    to_hz=st.sampled_from([25, 50, 62.5, 100, 16_000]),
)
def test_the_number_of_readings_follows_the_rates(readings, from_hz, to_hz):
    ours = resample(np.zeros(readings), from_hz=from_hz, to_hz=to_hz)
    assert len(ours) == pytest.approx(readings * to_hz / from_hz, abs=1.01)


@given(value=st.floats(-4000, 4000), from_hz=st.sampled_from([30, 60, 100]))
def test_gravity_stays_gravity(value, from_hz):
    ours = resample(np.full((90, 3), value), from_hz=from_hz, to_hz=25)
    assert ours == pytest.approx(np.full(ours.shape, value), abs=1e-6)


def test_axes_are_resampled_each_by_itself():
    signal = np.random.default_rng(0).normal(size=(300, 2, 3))
    ours = resample(signal, from_hz=60, to_hz=25)
    for i in range(2):
        for j in range(3):
            one = resample(signal[:, i, j], from_hz=60, to_hz=25)
            assert np.allclose(ours[:, i, j], one)


@pytest.mark.parametrize("kind", [np.int16, np.uint8, np.float32, np.float64])
def test_a_signal_keeps_its_type(kind):
    assert resample(np.ones(100, kind), from_hz=44_100, to_hz=16_000).dtype == kind


def test_full_scale_does_not_wrap_round_when_the_filter_overshoots():
    step = np.repeat([-32_768, 32_767], 200).astype(np.int16)
    ours = resample(step, from_hz=44_100, to_hz=16_000).astype(int)
    assert np.all(ours[:50] < -30_000)
    assert np.all(ours[-50:] > 30_000)


def test_equal_rates_give_an_equal_signal_of_its_own():
    signal = np.arange(10)
    ours = resample(signal, from_hz=25, to_hz=25)
    assert np.array_equal(ours, signal)
    assert not np.shares_memory(ours, signal)


@pytest.mark.parametrize(
    ("signal", "from_hz", "to_hz", "said"),
    [
        (np.ones(9), 0, 25, "from_hz must be a positive number"),
        (np.ones(9), 25, float("nan"), "to_hz must be a positive number"),
        (np.ones(9), 25, float("inf"), "to_hz must be a positive number"),
        (np.ones(9), "25", 50, "from_hz must be a number"),
        (np.ones(9), 1, 16_000, "more than a factor"),
        (np.ones(0), 25, 50, "without readings"),
        (np.array(["a", "b"]), 25, 50, "real numbers"),
        (np.ones(9, complex), 25, 50, "real numbers"),
        (3.0, 25, 50, "array of readings"),
    ],
)
def test_signals_that_cannot_be_resampled_are_refused_in_words(signal, from_hz, to_hz, said):
    with pytest.raises(ValueError, match=said):
        resample(signal, from_hz=from_hz, to_hz=to_hz)


# --- Spectra --------------------------------------------------------------------------------


def test_a_spectrogram_shows_a_tone_at_its_frequency_and_level():
    seen = spectrogram(tone(1000, rate=RATE, amplitude=0.1), sample_rate_hz=RATE)
    peak = seen.level_db.argmax(axis=1)
    assert np.all(seen.frequency_hz[peak] == 1000)
    assert seen.level_db.max(axis=1) == pytest.approx(np.full(49, -20), abs=0.1)


def test_full_scale_of_int16_is_zero_decibels():
    sound = np.round(tone(2000, rate=RATE, amplitude=32_767)).astype(np.int16)
    assert spectrogram(sound, sample_rate_hz=RATE).level_db.max() == pytest.approx(0, abs=0.1)


def test_a_spectrogram_of_silence_is_finite():
    assert np.all(spectrogram(np.zeros(RATE), sample_rate_hz=RATE).level_db == -120)


def test_a_spectrogram_says_when_its_windows_are():
    seen = spectrogram(np.zeros(RATE), sample_rate_hz=RATE)
    assert seen.level_db.shape == (len(seen.time_s), len(seen.frequency_hz)) == (49, 241)
    assert seen.time_s[0] == pytest.approx(0.015)
    assert np.diff(seen.time_s) == pytest.approx(np.full(48, 0.020))


@pytest.mark.parametrize(
    ("signal", "rate", "said"),
    [
        (np.zeros((100, 2)), RATE, "one channel"),
        (np.zeros(100), RATE, "at least one window"),
        (np.full(RATE, np.nan), RATE, "not finite"),
        (np.zeros(100), 0, "sample_rate_hz"),
        (np.zeros(100), 20, "at least one reading"),
    ],
)
def test_spectrograms_that_cannot_be_drawn_are_refused_in_words(signal, rate, said):
    with pytest.raises(ValueError, match=said):
        spectrogram(signal, sample_rate_hz=rate)


def test_mel_bands_are_triangles_that_share_out_each_frequency():
    weights = mel_filterbank()
    assert weights.shape == (40, 257)
    assert weights.min() == 0
    assert weights.max() <= 1
    # Between the first and the last centre, what one band gives up its neighbour takes.
    inner = slice(weights[0].argmax() + 1, weights[-1].argmax())
    assert weights.sum(axis=0)[inner] == pytest.approx(np.ones(inner.stop - inner.start), abs=1e-6)


def test_mel_bands_lie_between_their_limits_and_grow_wider():
    weights = mel_filterbank()
    frequency = np.arange(257) * 31.25
    held = frequency[weights.any(axis=0)]
    assert held.min() > 125
    assert held.max() < 7500
    widths = (weights > 0).sum(axis=1)
    assert widths[-1] > 5 * widths[0]


@pytest.mark.parametrize(
    "limits", [{"low_hz": 500, "high_hz": 400}, {"high_hz": 9000}, {"low_hz": -1}]
)
def test_mel_bands_outside_the_spectrum_are_refused_in_words(limits):
    with pytest.raises(ValueError, match="from a lower to a higher frequency"):
        mel_filterbank(**limits)


# --- Keyword features: against the C code -----------------------------------------------------


def test_features_of_a_known_sound_are_what_they_always_were():
    rows = KeywordFeatures().of_clip(made_sound())
    assert hashlib.sha256(rows.tobytes()).hexdigest()[:16] == FINGERPRINT


@pytest.fixture(scope="module")
def c_code():
    """Return TensorFlow's own build of the C front end, with micro-speech's settings."""
    tf = pytest.importorskip("tensorflow", reason="the C code comes with TensorFlow")
    try:
        from tensorflow.lite.experimental.microfrontend.python.ops import (
            audio_microfrontend_op as op,
        )
    except (ImportError, tf.errors.NotFoundError) as error:
        pytest.skip(f"this TensorFlow comes without the C front end: {error}")

    def of_clip(sound):
        levels = op.audio_microfrontend(
            tf.constant(sound),
            sample_rate=RATE,
            window_size=30,
            window_step=20,
            num_channels=40,
            lower_band_limit=125.0,
            upper_band_limit=7500.0,
            enable_pcan=True,
        ).numpy()
        # Micro-speech's feature provider: 25.6 · 26 and rounding, in whole numbers.
        scaled = (levels.astype(int) * 256 + 666 // 2) // 666 - 128
        return np.clip(scaled, -128, 127)

    return of_clip


SOUNDS = {
    "speech-like": made_sound(2.0),
    "quiet noise": np.random.default_rng(1).integers(-20, 20, RATE).astype(np.int16),
    "loud noise": np.random.default_rng(2).normal(0, 9000, RATE).clip(-32_768, 32_767),
    "full-scale square wave": 32_767 * np.sign(tone(437, rate=RATE)),
    "alternating extremes": np.where(np.random.default_rng(3).random(RATE) < 0.5, -32_768, 32_767),
    "constant": np.full(RATE, -32_768),
    "one click": np.eye(1, RATE, 8000)[0] * 30_000,
    "lowest sample alone": np.eye(1, RATE, 320 * 20 + 240)[0] * -32_768,
    "tone": tone(3000, rate=RATE, amplitude=20_000),
    "last bit": np.random.default_rng(4).integers(-1, 2, RATE),
    "silence": np.zeros(RATE),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUNDS)
def test_features_equal_the_c_codes_bit_for_bit(c_code, name):
    sound = SOUNDS[name].astype(np.int16)
    assert np.array_equal(KeywordFeatures().of_clip(sound), c_code(sound))


# --- Keyword features: rules they keep ---------------------------------------------------------


def test_one_second_has_49_rows_of_40_bands():
    rows = KeywordFeatures().of_clip(made_sound())
    assert rows.shape == (KeywordFeatures.ROWS, KeywordFeatures.BANDS) == (49, 40)
    assert rows.dtype == np.int8


def test_silence_is_the_lowest_value_everywhere():
    assert np.all(KeywordFeatures().of_clip(np.zeros(RATE, np.int16)) == -128)


def test_the_loudest_sound_there_is_gives_features():
    rows = KeywordFeatures().of_clip(SOUNDS["alternating extremes"].astype(np.int16))
    assert rows.max() > 100


def test_a_tone_is_strongest_in_the_band_that_holds_it():
    hz = 2000
    band = mel_filterbank()[:, round(hz / 31.25)].argmax()
    rows = KeywordFeatures().of_clip(np.round(tone(hz, rate=RATE, amplitude=8000)).astype("i2"))
    assert abs(int(rows[0].argmax()) - int(band)) <= 1


def test_a_whisper_and_a_shout_of_one_sound_look_alike():
    rng = np.random.default_rng(5)
    sound = rng.normal(0, 1, RATE) * np.linspace(0.2, 1, RATE)
    whisper, shout = (KeywordFeatures().of_clip((sound * s).astype("i2")) for s in (400, 8000))
    loudness_apart = 256 / 666 * 64 * np.log(8000 / 400)
    assert np.abs(whisper.astype(float) - shout).mean() < loudness_apart / 4


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 24_000), max_size=8), seed=st.integers(0, 3))
def test_rows_do_not_depend_on_how_the_sound_is_cut_into_pieces(cuts, seed):
    sound = made_sound(1.5, seed)
    listener = KeywordFeatures()
    rows = [listener.push(piece) for piece in np.split(sound, sorted(cuts))]
    assert np.array_equal(np.concatenate(rows), KeywordFeatures().of_clip(sound))


def test_a_listener_forgets_when_it_is_reset():
    listener = KeywordFeatures()
    first = listener.push(made_sound())
    assert not np.array_equal(listener.push(made_sound())[:49], first)
    listener.reset()
    assert np.array_equal(listener.push(made_sound()), first)


def test_a_whole_clip_neither_uses_nor_changes_what_a_listener_remembers():
    listener = KeywordFeatures()
    listener.push(made_sound()[:5000])
    assert np.array_equal(listener.of_clip(made_sound()), KeywordFeatures().of_clip(made_sound()))
    other = KeywordFeatures()
    other.push(made_sound()[:5000])
    assert np.array_equal(listener.push(made_sound()), other.push(made_sound()))


def test_the_sound_is_left_as_it_was():
    sound = made_sound()
    before = sound.copy()
    KeywordFeatures().push(sound)
    assert np.array_equal(sound, before)


@pytest.mark.parametrize(
    ("sound", "said"),
    [
        (np.zeros(RATE), "int16 samples"),
        (np.zeros(RATE, np.int32), "int16 samples"),
        (np.zeros((RATE, 2), np.int16), "one channel"),
        (np.int16(3), "array of readings"),
    ],
)
def test_sound_of_a_wrong_kind_is_refused_in_words(sound, said):
    for listen in (KeywordFeatures().of_clip, KeywordFeatures().push):
        with pytest.raises(ValueError, match=said):
            listen(sound)


def test_a_clip_shorter_than_a_window_is_refused_and_waited_for_in_a_stream():
    short = np.zeros(479, np.int16)
    with pytest.raises(ValueError, match="at least 480 samples"):
        KeywordFeatures().of_clip(short)
    listener = KeywordFeatures()
    assert listener.push(short).shape == (0, 40)
    assert listener.push(np.zeros(1, np.int16)).shape == (1, 40)


def test_one_clip_takes_a_few_milliseconds():
    sound, listener = made_sound(), KeywordFeatures()
    listener.of_clip(sound)
    start = time.process_time()
    for _ in range(20):
        listener.of_clip(sound)
    # 3 ms on an idle laptop.
    assert (time.process_time() - start) / 20 < 0.025


# --- The module -------------------------------------------------------------------------------


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(features).failed == 0


def test_neither_scipy_nor_tensorflow_is_needed():
    program = (
        "import sys, numpy as np\n"
        "from course.features import KeywordFeatures, resample\n"
        "KeywordFeatures().of_clip(resample(np.zeros(44100, 'i2'), from_hz=44100, to_hz=16000))\n"
        "assert not {'scipy', 'tensorflow', 'keras'} & set(sys.modules)"
    )
    root = Path(features.__file__).parents[1]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True)
