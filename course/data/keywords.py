"""Yes, no, other words and silence, as a small microphone hears them.

Nothing here was recorded.  espeak-ng, a speech synthesiser, spoke yes, no and 28 other words
with 160 voices; a room, a microphone and noise were added by program, and each second of sound
became the 49 × 40 features of `course.features.KeywordFeatures`.

>>> data = generate(people=10)
>>> data.examples.shape, data.label_names
((300, 49, 40), ('silence', 'unknown', 'yes', 'no'))

Two groups of voices, which have nobody in common:

* **Seed 0** is the data set that ships: 3,000 clips of 100 voices, as features.  They are read
  from a file, so they are the same on every machine, and take no time.
* **Any other seed** is made on the spot, with its sound, from 60 voices that are kept out of
  seed 0: the words of these voices ship clean, and each seed puts them into rooms, noises,
  distances and speeds of its own.

What is new about a seed that nobody has seen: the voice as far as length of throat, microphone,
room, noise, loudness, speed and position of the word make it; for who trains on seed 0, the
synthesiser's settings too.  What is not new: there are 20 spoken words for each of the 60 voices
and no others, and they all are in the course's own files.

How far it stands in for people: a small convolutional network trained on the course's prototype
of these clips was right on 80 to 82 % of 300 clips of real people; TensorFlow's own micro-speech
model, trained on real ones, was right on 82 %.  These clips are made with the same distributions,
but grouped by speaker; nobody has repeated that measurement with them.

Where the figures come from.  The comment above each one says so.  *Prototype*: from the course's
own prototype.  *Plain range*: a modelling choice, with no publication claimed.

Files.  ``keywords_clips.npz`` holds the features of seed 0.  ``keywords_words.npz`` holds the
clean words in the form of `course.data._speech_codec`, about two bits a sample.
``python -m course.data.keywords`` writes both anew; it takes Debian's espeak-ng and some minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from course.data import _speech_codec
from course.data.dataset import Dataset, whole_number
from course.data.streams import Event, Stream
from course.features import KeywordFeatures, resample

LABELS = ("silence", "unknown", "yes", "no")
SAMPLE_RATE_HZ = KeywordFeatures.SAMPLE_RATE_HZ
# Words that are neither yes nor no: Speech Commands' other words, as the prototype took them.
OTHER_WORDS = (
    *("up", "down", "left", "right", "on", "off", "stop", "go"),
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("bed", "bird", "cat", "dog", "happy", "house", "marvin", "sheila", "tree", "wow"),
)

_CLIP = KeywordFeatures.CLIP
_CLIPS_FILE = "keywords_clips.npz"
_WORDS_FILE = "keywords_words.npz"
# Of the 60 voices, two clips of each label take about five seconds.
_CLIPS_PER_LABEL = 2
# 25 people say everything twice: 200 clips.
_PEOPLE_TO_HEAR = 25
_SEED_TO_HEAR = 1

_SHORTEST_S, _LONGEST_S = 10, 1800
# Number of the purpose of chance; voices have 100 to 159.
_STREAM = 1

_DESCRIPTION = (
    "Yes, no, another word or silence: one second as the keyword front end hears it. "
    "49 rows of 20 ms, 40 bands from 125 to 7500 Hz, int8. Spoken by espeak-ng's voices; room, "
    "microphone and noise are simulated."
)
_LICENCE = "generated with espeak-ng; CC0"


def generate(
    *, people: int | None = None, clips_per_label: int | None = None, seed: int = 0
) -> Dataset:
    """Keyword clips of some of the voices.

    A voice of a seed gives the same clips however many others are asked for.

    Parameters
    ----------
    people : int, optional
        How many voices: of seed 0 up to 100, numbered from 0, of other seeds up to 60, with
        numbers from 100 on, in an order of the seed's own.  All of them by default.
    clips_per_label : int, optional
        How many clips of each label each voice gives.  By default all that ship for seed 0,
        which has up to 7 (and 9 of ``unknown``), and 2 for other seeds.
    seed : int
        Not negative.  0 is the data set that ships, without sound; see the module's words.

    Returns
    -------
    Dataset
        Ordered by voice, then by label.  Examples are int8 of shape (clips, 49, 40), as
        `KeywordFeatures` makes them.  Half of the clips are heard by a front end that was
        switched on with the clip, half by one that had listened to the same room for a second.
        For seeds other than 0 each has its sound, int16 at 16 kHz, one second.

    Raises
    ------
    ValueError
        If a count is less than one or more than there are, or the seed is negative.

    Examples
    --------
    >>> len(generate(people=2, clips_per_label=3))
    24
    """
    seed = whole_number("seed", seed, 0)
    if people is not None:
        people = whole_number("people", people, 1)
    if clips_per_label is not None:
        clips_per_label = whole_number("clips_per_label", clips_per_label, 1)
    if seed == 0:
        return _shipped(people, clips_per_label)
    return _recombined(people, clips_per_label or _CLIPS_PER_LABEL, seed)


def clips() -> Dataset:
    """200 clips to listen to, 50 of each label, with their features.

    They are those of ``generate(people=25, seed=1)``: of voices that are not in seed 0.
    """
    return generate(people=_PEOPLE_TO_HEAR, clips_per_label=_CLIPS_PER_LABEL, seed=_SEED_TO_HEAR)


def stream(*, seconds: float = 60, seed: int = 1) -> Stream:
    """One microphone for a while: a room whose noise changes, and now and then a word.

    One voice, of those that are not in seed 0, says yes, no and other words; a quarter of its
    words is yes, a quarter no.

    Parameters
    ----------
    seconds : float
        From 10 to 1,800.  A minute takes about a second.
    seed : int
        Not negative.  Different seeds have different voices, rooms and words.

    Returns
    -------
    Stream
        Readings (seconds × 16,000,) int16.  Labels unknown, yes and no.  An event lasts as long
        as the word is heard.  Between two words lies at least 0.8 s.

    Raises
    ------
    ValueError
        If it would be too short or too long, or the seed is negative.

    Examples
    --------
    >>> stream(seconds=20, seed=3).readings.shape
    (320000,)
    """
    seed = whole_number("seed", seed, 0)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float, np.number)):
        raise ValueError(f"seconds must be a number, not {seconds!r}.")
    if not _SHORTEST_S <= seconds <= _LONGEST_S:
        raise ValueError(
            f"A recording lasts from {_SHORTEST_S} to {_LONGEST_S} seconds, not {seconds}."
        )
    rng = np.random.default_rng([seed, _STREAM])
    voice = _voices()[rng.integers(len(_voices()))]
    speaker = _Speaker(np.random.default_rng([seed, voice.number]))
    sound = _changing_noise(round(seconds * SAMPLE_RATE_HZ), rng)
    background = sound.copy()
    events: list[Event] = []
    # Plain range: someone speaks every two to five seconds.
    at = int(rng.uniform(1, 3) * SAMPLE_RATE_HZ)
    while at + _CLIP < len(sound):
        name = str(rng.choice(["unknown", "unknown", "yes", "no"]))
        codes = voice.words[name]
        word = speaker.spoken(_speech_codec.decode(codes[rng.integers(len(codes))]), rng)
        here = slice(at, at + len(word))
        # Prototype: as for clips, but no louder than full scale.
        loudness = np.sqrt((background[here] ** 2).mean() / (word**2).mean())
        loudness *= 10 ** (rng.uniform(3, 40) / 20)
        sound[here] += word * min(loudness, 0.95 * 32_767)
        events.append(Event(at / SAMPLE_RATE_HZ, (at + len(word)) / SAMPLE_RATE_HZ, name))
        at += len(word) + int(rng.uniform(0.8, 4.5) * SAMPLE_RATE_HZ)
    return Stream(
        readings=np.clip(sound, -32_768, 32_767).astype(np.int16),
        sample_rate_hz=SAMPLE_RATE_HZ,
        events=tuple(events),
        person=voice.number,
        units="int16 samples",
        labels=LABELS[1:],
    )


def _dataset(
    examples: np.ndarray,
    labels: np.ndarray,
    person: np.ndarray,
    sounds: list[np.ndarray] | None = None,
) -> Dataset:
    return Dataset(
        name="keywords",
        examples=examples,
        labels=labels,
        label_names=LABELS,
        person=person,
        units="log level",
        # Rows a second: one every 20 ms.
        sample_rate_hz=SAMPLE_RATE_HZ / KeywordFeatures.STRIDE,
        description=_DESCRIPTION,
        licence=_LICENCE,
        sounds=None if sounds is None else tuple(sounds),
    )


# --- Seed 0 -------------------------------------------------------------------------------------


def _shipped(people: int | None, clips_per_label: int | None) -> Dataset:
    examples, labels, person = _read_clips()
    count = int(person.max()) + 1
    people = count if people is None else people
    if people > count:
        raise ValueError(f"Seed 0 of keywords has {count} people, not {people}.")
    kept = person < people
    if clips_per_label is not None:
        # Which one of its voice and label each clip is, counted from 0; they lie together.
        groups = person.astype(np.int64) * len(LABELS) + labels
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        sizes = np.diff(np.append(starts, len(groups)))
        if clips_per_label > sizes.min():
            raise ValueError(
                f"Seed 0 of keywords has {sizes.min()} clips of each label and person, "
                f"not {clips_per_label}; another seed has as many as are asked for."
            )
        kept &= np.arange(len(groups)) - np.repeat(starts, sizes) < clips_per_label
    return _dataset(examples[kept], labels[kept].astype(np.int64), person[kept].astype(np.int64))


@cache
def _read_clips() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with (
        resources.files("course.data").joinpath(_CLIPS_FILE).open("rb") as file,
        np.load(file, allow_pickle=False) as stored,
    ):
        return stored["features"], stored["labels"], stored["person"]


# --- Other seeds --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Voice:
    """What one of espeak-ng's voices said: number, and words by label ("yes", "no", "unknown")."""

    number: int
    words: dict[str, list[np.ndarray]]


@cache
def _voices() -> tuple[_Voice, ...]:
    with (
        resources.files("course.data").joinpath(_WORDS_FILE).open("rb") as file,
        np.load(file, allow_pickle=False) as stored,
    ):
        frames, labels, person = stored["frames"], stored["labels"], stored["person"]
        codes = np.split(stored["codes"], np.cumsum(frames.astype(np.int64))[:-1])
    voices = []
    for number in np.unique(person):
        words: dict[str, list[np.ndarray]] = {}
        for i in np.flatnonzero(person == number):
            words.setdefault(LABELS[labels[i]], []).append(codes[i])
        voices.append(_Voice(int(number), words))
    return tuple(voices)


def _recombined(people: int | None, clips_per_label: int, seed: int) -> Dataset:
    voices = _voices()
    people = len(voices) if people is None else people
    if people > len(voices):
        raise ValueError(
            f"A seed of keywords other than 0 has up to {len(voices)} people, not {people}."
        )
    order = np.random.default_rng(seed).permutation(len(voices))[:people]
    examples, labels, person, sounds = [], [], [], []
    for voice in sorted((voices[i] for i in order), key=lambda voice: voice.number):
        speaker = _Speaker(np.random.default_rng([seed, voice.number]))
        for label, name in enumerate(LABELS):
            for clip in range(clips_per_label):
                rng = np.random.default_rng([seed, voice.number, label, clip])
                word = None
                if name != "silence":
                    codes = voice.words[name]
                    word = _speech_codec.decode(codes[rng.integers(len(codes))])
                sound, features = speaker.clip(word, rng)
                examples.append(features)
                labels.append(label)
                person.append(voice.number)
                sounds.append(sound)
    return _dataset(np.stack(examples), np.array(labels), np.array(person), sounds)


# --- From a clean word to what a microphone hears -----------------------------------------------

_NOISES = ("white", "pink", "brown", "hum", "clatter")


class _Speaker:
    """Someone in a place of their own: throat, microphone and habit of speech.

    Parameters
    ----------
    rng : Generator
        What is drawn from it belongs to the speaker; each clip has its own.
    """

    def __init__(self, rng: np.random.Generator):
        # Prototype: sounds played at 85 to 119 % of their speed are longer or shorter throats.
        self.throat = rng.integers(88, 117)
        # Prototype: a microphone's spectral tilt, from dull to sharp; here with clips' own share.
        self.tilt = rng.uniform(-0.7, 0.7)

    def clip(
        self, word: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """One second of sound, and its features.

        Parameters
        ----------
        word : float array, shape (samples,), or None
            A clean word at 16 kHz, of any loudness; None for silence.
        rng : Generator

        Returns
        -------
        sound : int16 array, shape (16000,)
        features : int8 array, shape (49, 40)
        """
        # Plain range: every other listener has just been switched on.
        before = rng.integers(2) * _CLIP
        noise = _noise(before + _CLIP, str(rng.choice(_NOISES)), rng)
        if word is None:
            # Prototype: from nothing to a tenth of full scale.
            sound = noise * 10 ** rng.uniform(0, 3.3)
        else:
            word = self.spoken(word, rng)
            # Prototype: signal-to-noise ratio of 3 to 40 dB, over the length of the word.
            signal_to_noise = rng.uniform(3, 40)
            sound = noise * np.sqrt((word**2).mean()) * 10 ** (-signal_to_noise / 20)
            start = before + rng.integers(0, _CLIP - len(word) + 1)
            sound[start : start + len(word)] += word
            # Prototype: the loudest sample is at 2.5 to 95 % of full scale.
            sound *= 32_767 * 10 ** rng.uniform(-1.6, -0.02) / np.abs(sound).max()
        sound = np.clip(sound, -32_768, 32_767).astype(np.int16)
        return sound[before:], KeywordFeatures().of_clip(sound)[-KeywordFeatures.ROWS :]

    def spoken(self, word: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a clean word as it arrives at the microphone; its loudest sample is 1.

        At most a hundredth of a second less than a second.
        """
        speed = int(np.clip(self.throat + rng.integers(-3, 4), 85, 119))
        word = resample(word, from_hz=100, to_hz=speed)
        tilt = np.clip(self.tilt + rng.uniform(-0.2, 0.2), -0.9, 0.9)
        word = np.append(word, 0) - tilt * np.insert(word, 0, 0)
        # Prototype: three clips in five are in a room that echoes for 30 to 250 ms.
        if rng.random() < 0.6:
            length = int(rng.uniform(0.03, 0.25) * SAMPLE_RATE_HZ)
            echo = rng.normal(0, 1, length) * np.exp(-np.arange(length) / (length / 5))
            echo[0] = rng.uniform(3, 12)
            word = _convolved(word, echo)
        # Prototype: three in ten are too loud for the microphone.
        if rng.random() < 0.3:
            word = np.tanh(word / np.abs(word).max() * rng.uniform(1, 4))
        word = word / np.abs(word).max()
        # Prototype: two in five are breathy, noise that follows the loudness of the voice.
        if rng.random() < 0.4:
            loudness = np.abs(word)
            total = np.cumsum(np.pad(loudness, (81, 80)))
            loudness = (total[160:] - total[:-160])[: len(word)] / 160
            breath = rng.uniform(0.02, 0.2) * loudness / loudness.max()
            word = word + breath * rng.normal(0, 1, len(word))
        word = word[: _CLIP - 160]
        return word / np.abs(word).max()


def _changing_noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of one kind and loudness after another, one fading into the next."""
    total = np.zeros(samples)
    # Half a second from one to the next.
    fade = SAMPLE_RATE_HZ // 2
    start = 0
    while start < samples:
        # Plain range: something else every 8 to 20 s; from a whisper to a busy kitchen.
        length = int(rng.uniform(8, 20) * SAMPLE_RATE_HZ)
        noise = _noise(length + fade, str(rng.choice(_NOISES)), rng) * 10 ** rng.uniform(0.7, 2.7)
        ramp = np.linspace(0, 1, fade)
        if start:
            noise[:fade] *= ramp
        noise[-fade:] *= ramp[::-1]
        here = total[start : start + len(noise)]
        here += noise[: len(here)]
        start += length
    return total


def _noise(samples: int, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Noise of unit spread.  All five: prototype."""
    noise = rng.normal(0, 1, samples)
    if kind in ("pink", "brown"):
        spectrum = np.fft.rfft(noise)
        line = np.arange(1, len(spectrum) + 1)
        noise = np.fft.irfft(spectrum / line ** (0.5 if kind == "pink" else 1.0), samples)
    elif kind == "hum":
        # Mains at 50 Hz and its harmonics.
        harmonic = np.arange(1, 8)[:, None]
        time = np.arange(samples) / SAMPLE_RATE_HZ
        phase = rng.uniform(0, 6, (7, 1))
        hum = (np.sin(2 * np.pi * 50 * harmonic * time + phase) / harmonic).sum(axis=0)
        noise = hum + 0.2 * noise
    elif kind == "clatter":
        # Up to nine knocks a second.
        knocks = np.zeros(samples)
        at = rng.integers(0, samples, rng.integers(1, 10) * samples // _CLIP)
        knocks[at] = rng.normal(0, 1, len(at))
        ring = rng.normal(0, 1, 800) * np.exp(-np.arange(800) / rng.uniform(30, 300))
        noise = _convolved(knocks, ring)[:samples] + 0.01 * noise
    return noise / (noise.std() + 1e-9)


def _convolved(signal: np.ndarray, answer: np.ndarray) -> np.ndarray:
    length = len(signal) + len(answer) - 1
    # A power of two is quick to transform.
    size = 1 << (length - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(answer, size), size)[:length]


if __name__ == "__main__":
    # python -m course.data.keywords: writes the shipped files anew.
    from course.data._keywords_synthesis import main

    raise SystemExit(main())
