"""From a signal to what a model is fed: windows, resampling, spectra, keyword features.

Everything here is NumPy and works the same on a recording and on a live signal.

`KeywordFeatures` is the front end of TensorFlow Lite Micro's micro-speech example, written
anew.  One second of sound at 16 kHz becomes 49 rows of 40 numbers in int8:

1. **Window**: 30 ms of sound (480 samples), every 20 ms (320 samples), faded in and out.
2. **Spectrum**: its magnitude at 257 frequencies, 31.25 Hz apart.
3. **Mel bands**: 40 overlapping triangles from 125 to 7500 Hz, narrow where we hear finely.
4. **Noise reduction**: what a band always holds is learned and subtracted.
5. **Gain control**: each band is divided by its own recent level, so that a whisper and a shout
   look alike.
6. **Logarithm**, and a scale that fits int8: −128 is silence, one step is 4 %.

>>> second = np.zeros(16_000, np.int16)
>>> KeywordFeatures().of_clip(second).shape
(49, 40)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np

__all__ = [
    "KeywordFeatures",
    "Spectrogram",
    "mel_filterbank",
    "resample",
    "spectrogram",
    "windows",
]


# --- Windows --------------------------------------------------------------------------------


def windows(signal: np.ndarray, *, length: int, stride: int) -> np.ndarray:
    """Cut a signal into windows of one length, each `stride` readings after the last.

    A last window that the signal does not fill is dropped; so a signal of n readings has
    ``(n - length) // stride + 1`` windows, and none if it is shorter than one.

    Parameters
    ----------
    signal : array, shape (readings, …)
        Time runs along the first axis; other axes, such as x, y and z, stay as they are.
    length : int
        Readings in a window.
    stride : int
        Readings from the start of one window to the start of the next.  Equal to `length`
        the windows touch; smaller, they overlap; larger, readings between them are skipped.

    Returns
    -------
    array, shape (windows, length, …)
        A read-only view: nothing is copied, and windows that overlap share their readings.
        Call ``.copy()`` on it before writing into it.

    Raises
    ------
    ValueError
        If the signal is a single number, or `length` or `stride` is not a whole number of at
        least 1.

    Examples
    --------
    >>> windows(np.arange(7), length=4, stride=2)
    array([[0, 1, 2, 3],
           [2, 3, 4, 5]])
    """
    signal = _as_signal(signal)
    _at_least_one("length", length)
    _at_least_one("stride", stride)
    if len(signal) < length:
        empty = np.empty((0, length, *signal.shape[1:]), signal.dtype)
        empty.flags.writeable = False
        return empty
    cut = np.lib.stride_tricks.sliding_window_view(signal, length, axis=0)[::stride]
    return np.moveaxis(cut, -1, 1)


# --- Resampling -----------------------------------------------------------------------------

# Zero crossings of the sinc on either side, and the Kaiser window's shape: a tone stays within
# 0.1 dB up to 85 % of the lower Nyquist frequency, and what lies above 110 % of it is at least
# 60 dB down; a test measures both.
_CROSSINGS = 16
_KAISER_BETA = 6.0
# The cutoff stands this far below the lower Nyquist frequency, to leave the filter room to fall.
_ROLL_OFF = 0.945
# Sample rates are related by a fraction; 10,000 tells 59.94 Hz from 60 Hz.
_LARGEST_DENOMINATOR = 10_000
# Memory that filtering may take at a time, on long recordings.
_BLOCK_BYTES = 16_000_000


def resample(signal: np.ndarray, *, from_hz: float, to_hz: float) -> np.ndarray:
    """Give a signal another sample rate, without aliases.

    Each new reading is a weighted sum of the old ones around its instant, weighted by a sinc
    under a Kaiser window (a polyphase filter).  When the rate falls, the sinc is stretched, so
    that frequencies which the new rate cannot hold are removed before they fold back into
    those it can.  Weights sum to one: a constant, such as gravity, stays what it is.

    Parameters
    ----------
    signal : array, shape (readings, …)
        Time runs along the first axis.  Before its start and after its end it is taken to
        hold its first and last value.
    from_hz, to_hz : float
        Its sample rate, and the one wanted.

    Returns
    -------
    array, shape (ceil(readings × to_hz / from_hz), …)
        The first reading is at the instant of the signal's first.  Of the signal's own type:
        floats stay float32 or float64, and integers are rounded and clipped to their range.

    Raises
    ------
    ValueError
        If a rate is not a positive number, the signal has no readings or is not made of
        real numbers, or a rate is more than 1,000 times the other.

    Examples
    --------
    >>> sound = np.zeros(44_100, np.int16)
    >>> resample(sound, from_hz=44_100, to_hz=16_000).shape
    (16000,)
    """
    signal = _as_signal(signal)
    for name, rate in (("from_hz", from_hz), ("to_hz", to_hz)):
        if isinstance(rate, bool) or not isinstance(rate, (int, float, np.number)):
            raise ValueError(f"{name} must be a number of hertz, not {rate!r}.")
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"{name} must be a positive number of hertz, not {rate}.")
    if not 1e-3 <= to_hz / from_hz <= 1e3:
        raise ValueError(f"From {from_hz} Hz to {to_hz} Hz is more than a factor of 1,000.")
    if signal.dtype.kind not in "iuf":
        raise ValueError(f"A signal is made of real numbers, not of {signal.dtype}.")
    if not len(signal):
        raise ValueError("A signal without readings cannot be resampled.")
    ratio = (Fraction(float(to_hz)) / Fraction(float(from_hz))).limit_denominator(
        _LARGEST_DENOMINATOR
    )
    up, down = ratio.numerator, ratio.denominator
    if up == down:
        return signal.copy()
    cutoff = _ROLL_OFF * min(1.0, up / down)
    half = math.ceil(_CROSSINGS / cutoff)
    edges = [(half - 1, half + 1), *[(0, 0)] * (signal.ndim - 1)]
    padded = np.pad(signal.astype(np.float64), edges, mode="edge")
    count = math.ceil(len(signal) * up / down)
    resampled = np.empty((count, *signal.shape[1:]))
    around = np.arange(2 * half)
    block = max(1, _BLOCK_BYTES // (16 * half * padded[0].size))
    for start in range(0, count, block):
        instant = np.arange(start, min(start + block, count), dtype=np.int64) * down
        phases, which = np.unique(instant % up, return_inverse=True)
        resampled[start : start + block] = np.einsum(
            "nt,nt...->n...",
            _weights(phases / up, cutoff, half)[which],
            padded[(instant // up)[:, None] + around],
        )
    if signal.dtype.kind == "f":
        return resampled.astype(signal.dtype)
    limits = np.iinfo(signal.dtype)
    return np.clip(np.round(resampled), limits.min, limits.max).astype(signal.dtype)


def _weights(phase: np.ndarray, cutoff: float, half: int) -> np.ndarray:
    """Weights of the 2 · half readings around instants that lie `phase` after a reading."""
    distance = np.arange(1 - half, half + 1) - phase[:, None]
    window = np.i0(_KAISER_BETA * np.sqrt(np.maximum(0, 1 - (distance / half) ** 2)))
    weights = np.sinc(cutoff * distance) * window
    return weights / weights.sum(axis=1, keepdims=True)


# --- Spectra --------------------------------------------------------------------------------

# Below this, a level says nothing: a tenth of the last bit of 16.
_SILENCE_DB = -120.0


@dataclass(frozen=True, eq=False, repr=False)
class Spectrogram:
    """How strong each frequency is, moment by moment.

    Attributes
    ----------
    level_db : float64 array, shape (windows, frequencies)
        In dB; 0 is a tone at full scale, −120 the lowest.
    time_s : float64 array, shape (windows,)
        Middle of each window, in seconds since the signal's start.
    frequency_hz : float64 array, shape (frequencies,)
        From 0 to half the sample rate.
    """

    level_db: np.ndarray
    time_s: np.ndarray
    frequency_hz: np.ndarray

    def __repr__(self) -> str:
        return f"Spectrogram: {len(self.time_s)} windows × {len(self.frequency_hz)} frequencies"


def spectrogram(
    signal: np.ndarray,
    *,
    sample_rate_hz: float,
    window_s: float = 0.030,
    stride_s: float = 0.020,
) -> Spectrogram:
    """Spectrum of each window of a signal, for looking at.

    Parameters
    ----------
    signal : array, shape (readings,)
        int16, whose full scale is 32,768, or floats, whose full scale is 1.
    sample_rate_hz : float
        Readings a second.
    window_s, stride_s : float
        Length of a window, and time from one to the next.  The defaults are the keyword
        front end's.

    Returns
    -------
    Spectrogram

    Raises
    ------
    ValueError
        If the signal has more than one axis, holds a value that is not finite, or is shorter
        than one window; or if a window or stride is shorter than one reading.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    >>> seen = spectrogram(tone, sample_rate_hz=16_000)
    >>> seen
    Spectrogram: 49 windows × 241 frequencies
    >>> float(seen.frequency_hz[seen.level_db[20].argmax()])
    1000.0
    """
    signal = _as_signal(signal)
    if signal.ndim != 1:
        raise ValueError(f"A spectrogram is of one channel, not of shape {signal.shape}.")
    if not (sample_rate_hz > 0 and math.isfinite(sample_rate_hz)):
        raise ValueError(f"sample_rate_hz must be a positive number, not {sample_rate_hz}.")
    length, stride = round(window_s * sample_rate_hz), round(stride_s * sample_rate_hz)
    if length < 1 or stride < 1:
        raise ValueError("A window and a stride are at least one reading long.")
    if len(signal) < length:
        raise ValueError(
            f"A spectrogram needs at least one window of {length} readings; "
            f"the signal has {len(signal)}."
        )
    full_scale = 32_768 if signal.dtype == np.int16 else 1
    signal = signal / full_scale
    if not np.isfinite(signal).all():
        raise ValueError("The signal holds values that are not finite numbers.")
    fade = _fade(length)
    amplitude = np.abs(np.fft.rfft(windows(signal, length=length, stride=stride) * fade, axis=1))
    # A tone of amplitude 1 has half of it at its positive frequency.
    amplitude *= 2 / fade.sum()
    level = 20 * np.log10(np.maximum(amplitude, 10 ** (_SILENCE_DB / 20)))
    return Spectrogram(
        level_db=level,
        time_s=(np.arange(len(level)) * stride + length / 2) / sample_rate_hz,
        frequency_hz=np.arange(length // 2 + 1) * sample_rate_hz / length,
    )


def mel_filterbank(
    *,
    bands: int = 40,
    low_hz: float = 125.0,
    high_hz: float = 7500.0,
    sample_rate_hz: float = 16_000,
    fft_size: int = 512,
) -> np.ndarray:
    """Triangles that gather a spectrum into mel bands.

    Band edges are equally far apart in mel, mel = 1127 · ln(1 + Hz / 700): about equal below
    1 kHz and growing above, as a listener's sense of pitch does.  Each triangle rises from its
    lower neighbour's centre to its own and falls to its upper neighbour's.

    Parameters
    ----------
    bands : int
        How many.
    low_hz, high_hz : float
        Where the first triangle starts and the last one ends.
    sample_rate_hz : float
        Of the sound.
    fft_size : int
        Samples under one spectrum, with padding.

    Returns
    -------
    float64 array, shape (bands, fft_size // 2 + 1)
        Weight of each frequency in each band, from 0 to 1.  Constant offsets (0 Hz) have none.

    Raises
    ------
    ValueError
        If there is no band, or the limits are not rising within half the sample rate.

    Examples
    --------
    >>> mel_filterbank().shape
    (40, 257)
    """
    _at_least_one("bands", bands)
    if not 0 <= low_hz < high_hz <= sample_rate_hz / 2:
        raise ValueError(
            f"Mel bands go from a lower to a higher frequency, up to {sample_rate_hz / 2:g} Hz, "
            f"not from {low_hz:g} to {high_hz:g} Hz."
        )
    # In single precision, as the C code: two of the keyword front end's weights depend on it.
    lowest, highest = _mel(np.array([low_hz, high_hz]))
    edges = lowest + (highest - lowest) / np.float32(bands + 1) * np.arange(bands + 2, dtype="f4")
    mel = _mel(np.arange(fft_size // 2 + 1) * sample_rate_hz / fft_size)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = 1 - ((centre - mel) / (centre - low)).astype(np.float64)
    weights = np.minimum(rising, (high - mel) / (high - centre))
    # Micro-speech starts half a spectrum line above the lower limit and never takes 0 Hz.
    first = int(1.5 + low_hz * fft_size / sample_rate_hz)
    weights[:, :first] = 0
    return np.maximum(weights, 0)


def _mel(frequency_hz: np.ndarray) -> np.ndarray:
    # Micro-speech's formula (O'Shaughnessy 1987, with the natural logarithm).
    return (1127.0 * np.log1p(frequency_hz / 700.0)).astype(np.float32)


def _fade(length: int) -> np.ndarray:
    """Hann window, sampled between its zeros as micro-speech does."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length)


# --- Keyword features -----------------------------------------------------------------------

# All of micro-speech's settings: TensorFlow Lite Micro, examples/micro_speech, as its model
# was trained with in tensorflow/examples/speech_commands ("micro" features).
_FFT_SIZE = 512
# Fractional bits of the fade, of band weights, and of noise reduction's constants.
_FADE_BITS = 12
_BAND_BITS = 12
_NOISE_BITS = 14
# Every other band follows its noise faster: half of them keep a steady vowel, half lose it.
_SMOOTHING_EVEN = 0.025
_SMOOTHING_ODD = 0.06
_NOISE_SCALE_BITS = 10
# At least this share of a band survives noise reduction.
_SIGNAL_REMAINING = 0.05
# Gain control: level / (noise + offset) ** strength.
_PCAN_STRENGTH = 0.95
_PCAN_OFFSET = 80.0
_PCAN_GAIN_BITS = 21
_PCAN_RATIO_BITS = 12
_PCAN_OUTPUT_BITS = 6
# Band levels are kept in eighths of a spectrum's magnitude.
_CORRECTION_BITS = 3
# Logarithms are counted in 64ths ...
_LOG_SCALE = 64
# ... and 26 (25.6 · 26 / 256, rounded as the example rounds) of them span int8's 256 steps.
_INT8_DIVISOR = 666


class KeywordFeatures:
    """Micro-speech's front end: int16 sound at 16 kHz in, rows of 40 int8 features out.

    One object is one listener: `push` remembers how noisy each band has been, and the samples
    that do not fill a window yet.  `of_clip` is a listener just switched on; it neither uses
    nor changes what `push` remembers.

    A row stands for 30 ms of sound.  Its column 0 is the band round 173 Hz, column 39 the one
    round 7050 Hz.  A value is how far the band stands above its own recent level: −128 is not at
    all, and each step up is a factor of exp(2.6 / 64), 4 %.

    All arithmetic is in whole numbers, as on a board: equal sound gives equal features on any
    machine and however it is cut into pieces, and they are, bit for bit, those of the C code
    (a test compares them with TensorFlow's own build of it).

    Attributes
    ----------
    SAMPLE_RATE_HZ, WINDOW, STRIDE, BANDS : int
        16,000 Hz; 480 samples (30 ms); 320 samples (20 ms); 40.
    CLIP, ROWS : int
        Samples in one second, and the 49 rows they give.

    Examples
    --------
    >>> listener = KeywordFeatures()
    >>> sound = np.zeros(8_000, np.int16)
    >>> listener.push(sound).shape, listener.push(sound).shape
    ((24, 40), (25, 40))
    """

    SAMPLE_RATE_HZ = 16_000
    WINDOW = 480
    STRIDE = 320
    BANDS = 40
    CLIP = 16_000
    ROWS = (CLIP - WINDOW) // STRIDE + 1

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything heard, as if just switched on."""
        self._noise = np.zeros(self.BANDS, np.int64)
        self._waiting = np.empty(0, np.int16)

    def of_clip(self, samples: np.ndarray) -> np.ndarray:
        """Features of a whole clip, heard by a listener just switched on.

        Parameters
        ----------
        samples : int16 array, shape (samples,)
            Sound at 16 kHz, at least 480 samples.  One second is 16,000.

        Returns
        -------
        int8 array, shape (rows, 40)
            49 rows for one second; (samples − 480) // 320 + 1 in general.

        Raises
        ------
        ValueError
            If the sound is not int16, has more than one channel, or is shorter than a window.
        """
        samples = _as_sound(samples)
        if len(samples) < self.WINDOW:
            raise ValueError(
                f"Keyword features need at least {self.WINDOW} samples (30 ms), not {len(samples)}."
            )
        rows, _ = _keyword_rows(samples, np.zeros(self.BANDS, np.int64))
        return rows

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Features of the windows that these samples complete.

        Parameters
        ----------
        samples : int16 array, shape (samples,)
            The next samples at 16 kHz, any number of them.

        Returns
        -------
        int8 array, shape (rows, 40)
            As many rows as became complete, perhaps none.  Whatever the sizes of the pieces,
            the rows together are those of the whole.

        Raises
        ------
        ValueError
            If the sound is not int16 or has more than one channel.
        """
        heard = np.concatenate([self._waiting, _as_sound(samples)])
        rows, self._noise = _keyword_rows(heard, self._noise)
        self._waiting = heard[len(rows) * self.STRIDE :]
        return rows


def _keyword_rows(samples: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of int8 features, and the noise in each band after them."""
    cut = windows(samples, length=KeywordFeatures.WINDOW, stride=KeywordFeatures.STRIDE)
    level = _band_levels(cut.astype(np.int64))
    levels, noises = np.empty_like(level), np.empty_like(level)
    for row, loud in enumerate(level):
        scaled = loud << _NOISE_SCALE_BITS
        noise = scaled * _SMOOTHING + noise * ((1 << _NOISE_BITS) - _SMOOTHING) >> _NOISE_BITS
        left = scaled - np.minimum(noise, scaled) >> _NOISE_SCALE_BITS
        levels[row] = np.maximum(left, loud * _REMAINING >> _NOISE_BITS)
        noises[row] = noise
    return _to_int8(_log(_gain_control(levels, noises) << _CORRECTION_BITS)), noise


def _band_levels(cut: np.ndarray) -> np.ndarray:
    """Magnitude in each mel band, in eighths, for windows (windows, 480)."""
    fade, weights = _keyword_tables()
    faded = (cut * fade >> _FADE_BITS).astype(np.int16)
    # The loudest sample is moved up to bit 15 before the transform and down again after it.
    # As in C, −32,768 does not count as loud, for int16 has no 32,768, and may fall off the end.
    shift = 15 - _bits(np.abs(faded).max(axis=1, initial=0))[:, None]
    spectrum = _spectrum_int16((faded.astype(np.int64) << shift).astype(np.int16))
    # Sums stay below 2 ** 53, so they are exact in float64 in whatever order they are added.
    energy = spectrum.real**2 + spectrum.imag**2
    # einsum rather than @: so small a product is not worth waking other threads for.
    gathered = np.einsum("wf,fb->wb", energy, weights)
    return np.floor(np.sqrt(gathered) + 0.5).astype(np.int64) >> shift


def _gain_control(levels: np.ndarray, noises: np.ndarray) -> np.ndarray:
    """Per-channel energy normalisation: a level beside the noise in its own band, in 64ths.

    "Trainable frontend for robust and far-field keyword spotting", Wang et al., ICASSP 2017.
    """
    ratio = levels * _gain(noises) >> _PCAN_GAIN_BITS - _CORRECTION_BITS - _PCAN_RATIO_BITS
    # Below 2 a ratio is squared (r² / 4), above it shifted (r − 1): noise is pressed down.
    squared = ratio**2 >> 2 + 2 * _PCAN_RATIO_BITS - _PCAN_OUTPUT_BITS
    shifted = (ratio >> _PCAN_RATIO_BITS - _PCAN_OUTPUT_BITS) - (1 << _PCAN_OUTPUT_BITS)
    return np.where(ratio < 2 << _PCAN_RATIO_BITS, squared, shifted)


def _to_int8(logarithm: np.ndarray) -> np.ndarray:
    """Scale of the int8 model's input, from logarithms in 64ths."""
    scaled = (logarithm * 256 + _INT8_DIVISOR // 2) // _INT8_DIVISOR
    return np.clip(scaled - 128, -128, 127).astype(np.int8)


# --- Arithmetic of a small board --------------------------------------------------------------
#
# A board has no floating point to spare: its square roots, powers and logarithms are tables
# and polynomials in whole numbers, and its Fourier transform rounds to 16 bits at every stage.
# All of that is part of what a model was trained on, so it is done here in the same way.


def _bits(number: np.ndarray) -> np.ndarray:
    """Length in bits of whole numbers that are not negative: 0 for 0, 1 for 1, 2 for 2 and 3."""
    return np.frexp(number)[1].astype(np.int64)


def _spectrum_int16(samples: np.ndarray) -> np.ndarray:
    """Fourier transform of real samples (windows, up to 512), divided by 512, as int16 would.

    Kiss FFT's way with 16 bits: neighbours are taken for the real and imaginary part of 256
    complex numbers, these are transformed, and the two halves are then told apart.  Parts of
    complex128 are whole numbers throughout, and exact.

    Returns
    -------
    complex128 array, shape (windows, 257)
        Its first and last column, 0 Hz and 8 kHz, are left at 0: no mel band holds them.
    """
    half = _FFT_SIZE // 2
    paired = np.zeros((len(samples), half), np.complex128)
    paired.view(np.float64)[:, : samples.shape[1]] = samples
    transformed = _fixed_product(_transform(paired), 32_767 // 2)
    line = np.arange(1, half // 2 + 1)
    mirrored = transformed[:, half - line].conj()
    both = transformed[:, line] + mirrored
    turned = _wrap(_fixed_product(transformed[:, line] - mirrored, _turns(line / _FFT_SIZE + 0.25)))
    spectrum = np.zeros((len(samples), half + 1), np.complex128)
    spectrum[:, line] = _floor((both + turned) / 2)
    spectrum[:, half - line] = _floor((both - turned).conj() / 2)
    return spectrum


def _transform(paired: np.ndarray) -> np.ndarray:
    """Complex Fourier transform (windows, 256) in four stages that each divide by four."""
    count, size = paired.shape
    # Numbers that are combined first come to stand side by side: base-4 digits reversed.
    numbers = paired.reshape(count, 4, 4, 4, 4).transpose(0, 4, 3, 2, 1)
    for stage in range(4):
        length = 4**stage
        numbers = _fixed_product(
            numbers.reshape(count, size // (4 * length), 4, length), 32_767 // 4
        )
        first = numbers[:, :, 0]
        second, third, fourth = np.moveaxis(
            _fixed_product(numbers[:, :, 1:], _stage_turns(length)), 2, 0
        )
        even, odd = first + third, second + fourth
        gap, quarter = first - third, -1j * (second - fourth)
        numbers = _wrap(np.stack([even + odd, gap + quarter, even - odd, gap - quarter], axis=2))
    return numbers.reshape(count, size)


@cache
def _stage_turns(length: int) -> np.ndarray:
    return _turns(np.arange(1, 4)[:, None] * np.arange(length) / (4 * length))


def _turns(turns: np.ndarray) -> np.ndarray:
    """Unit numbers turned clockwise by so many full turns, in 15 bits."""
    return _floor(32_767 * np.exp(-2j * np.pi * turns) + (0.5 + 0.5j))


def _fixed_product(numbers: np.ndarray, factor: np.ndarray | int) -> np.ndarray:
    """Multiply by a factor in 15 bits, rounded."""
    return _floor(numbers * (factor / (1 << 15)) + (0.5 + 0.5j))


def _floor(numbers: np.ndarray) -> np.ndarray:
    return np.floor(_parts(numbers)).view(np.complex128)


def _parts(numbers: np.ndarray) -> np.ndarray:
    """Real and imaginary parts side by side along the last axis."""
    return np.ascontiguousarray(numbers).view(np.float64)


def _wrap(numbers: np.ndarray) -> np.ndarray:
    """Keep what 16 bits keep; beyond full scale they start again at the other end."""
    parts = _parts(numbers).astype(np.int32).astype(np.int16)
    return parts.astype(np.float64).view(np.complex128)


def _gain(noise: np.ndarray) -> np.ndarray:
    """(noise + 80) ** −0.95 in whole numbers, by a parabola within each power of two."""
    start, slope, bend = _gain_table()
    interval = np.minimum(_bits(noise), 32)
    # Ten bits after the leading one say where in its interval a number lies.
    position = (noise << np.maximum(11 - interval, 0) >> np.maximum(interval - 11, 0)) & 0x3FF
    step = (bend[interval] * position >> 5) + (slope[interval] << 5)
    return start[interval] + (step * position + (1 << 14) >> 15)


@cache
def _gain_table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value at the start, slope and bend of the gain in the intervals 0, 1, 2–3, 4–7, …"""

    def gain(noise: np.ndarray) -> np.ndarray:
        magnitude = noise / (1 << (_NOISE_SCALE_BITS - _CORRECTION_BITS))
        value = (1 << _PCAN_GAIN_BITS) * (magnitude + _PCAN_OFFSET) ** -_PCAN_STRENGTH
        return np.minimum(np.floor(value + 0.5), 32_767).astype(np.int64)

    first = 1 << np.arange(32, dtype=np.int64)
    last = np.append(2 * first[:-1], 2 * first[-1] - 1)
    at_start = gain(first)
    to_middle, to_end = gain(first + first // 2) - at_start, gain(last) - at_start
    slope = 4 * to_middle - to_end
    bend = to_end - slope
    # 0 and 1 have entries of their own.
    slope[0] = bend[0] = 0
    zero = gain(np.zeros(1, np.int64))
    return (
        np.concatenate([zero, at_start]),
        np.concatenate([[0], slope]),
        np.concatenate([[0], bend]),
    )


def _log(number: np.ndarray) -> np.ndarray:
    """Natural logarithm in 64ths, 0 for 0 and 1, with a table of 128 pieces of an octave."""
    table = _log_table()
    whole = np.maximum(_bits(number) - 1, 0)
    # Sixteen bits after the leading one.
    fraction = (number - (1 << whole)) << 16 >> whole
    fraction = np.maximum(fraction, 0)
    piece = fraction >> 9
    bump = table[piece] + ((table[piece + 1] - table[piece]) * (fraction & 0x1FF) >> 16)
    # ln 2 in 16 bits.
    logarithm = 45_426 * ((whole << 16) + fraction + bump) + (1 << 15) >> 16
    return np.where(number > 1, logarithm * _LOG_SCALE + (1 << 15) >> 16, 0)


@cache
def _log_table() -> np.ndarray:
    """How far log2(1 + x) lies above x, in 65,536ths, at 129 points from 0 to 1."""
    x = np.arange(129) / 128
    return np.append(np.floor(65_536 * (np.log2(1 + x) - x) + 0.5), 0).astype(np.int64)


@cache
def _keyword_tables() -> tuple[np.ndarray, np.ndarray]:
    """Fade (480,) and band weights (257, 40), in whole numbers."""
    fade = np.floor(_fade(KeywordFeatures.WINDOW) * (1 << _FADE_BITS) + 0.5).astype(np.int64)
    weights = np.floor(mel_filterbank(bands=KeywordFeatures.BANDS) * (1 << _BAND_BITS) + 0.5)
    return fade, np.ascontiguousarray(weights.T)


_SMOOTHING = np.array(
    [int(_SMOOTHING_EVEN * (1 << _NOISE_BITS)), int(_SMOOTHING_ODD * (1 << _NOISE_BITS))]
    * (KeywordFeatures.BANDS // 2)
)
_REMAINING = int(_SIGNAL_REMAINING * (1 << _NOISE_BITS))


# --- Helpers --------------------------------------------------------------------------------


def _as_signal(signal: np.ndarray) -> np.ndarray:
    try:
        signal = np.asarray(signal)
    except ValueError as error:
        raise ValueError("A signal is an array with the same shape at every reading.") from error
    if signal.ndim == 0:
        raise ValueError(f"A signal is an array of readings, not {signal!r}.")
    return signal


def _as_sound(samples: np.ndarray) -> np.ndarray:
    samples = _as_signal(samples)
    if samples.ndim != 1:
        raise ValueError(
            f"Keyword features are of one channel, shape (samples,), not {samples.shape}."
        )
    if samples.dtype != np.int16:
        raise ValueError(
            f"Keyword features need int16 samples, from −32,768 to 32,767, not {samples.dtype}. "
            "Sound in floats from −1 to 1 becomes int16 by (32767 * sound).astype('int16')."
        )
    return samples


def _at_least_one(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{name} must be a whole number, not {value!r}.")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}.")
