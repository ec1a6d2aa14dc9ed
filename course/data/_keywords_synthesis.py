"""Author's side of the keywords: 160 voices of espeak-ng, and the two files that ship.

Debian's espeak-ng 1.51 is GPL software; what it says is not covered by its licence.  Same seed,
same espeak-ng, same files.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course.data import _speech_codec
from course.data.keywords import (
    _CLIPS_FILE,
    _WORDS_FILE,
    LABELS,
    OTHER_WORDS,
    SAMPLE_RATE_HZ,
    _Speaker,
)
from course.features import resample

_SEED = 2026
# Voices of seed 0, and voices of all other seeds.
SHIPPED_VOICES = 100
KEPT_VOICES = 60
# Clips of each voice of seed 0: 30, so 3,000 in all.  Other words vary most.
CLIPS = {"silence": 7, "unknown": 9, "yes": 7, "no": 7}
# Clean words of each kept voice.
WORDS = {"unknown": 10, "yes": 5, "no": 5}

# Prototype: espeak-ng's seven English accents.
_ACCENTS = (
    "en-us",
    "en-gb",
    "en-gb-scotland",
    "en-gb-x-gbclan",
    "en-gb-x-rp",
    "en-gb-x-gbcwmd",
    "en-029",
)
# Prototype: of espeak-ng's voice variants, those that could be a person.
_VARIANTS = (
    *("Alex", "Alicia", "Andrea", "Andy", "Annie", "AnxiousAndy", "Denis", "Diogo", "Gene"),
    *("Gene2", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike", "Mr"),
    *("Nguyen", "RicishayMax", "RicishayMax2", "RicishayMax3", "Storm", "Tweaky", "adam"),
    *("anika", "antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "david", "ed"),
    *("edward", "edward2", "f1", "f2", "f3", "f4", "f5", "grandma", "grandpa", "gustave"),
    *("iven", "iven2", "iven3", "iven4", "john", "kaukovalta", "klatt", "klatt2", "klatt3"),
    *("klatt4", "klatt6", "linda", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "marcelo"),
    *("max", "michel", "miguel", "norbert", "pablo", "paul", "pedro", "quincy", "rob"),
    *("sandro", "shelby", "steph", "steph2", "steph3", "travis", "victor", "zac"),
)
# Prototype: how yes and no are written for it, the last ones by their sounds.
_SPELLINGS = {
    "yes": ("yes", "yes!", "yes?", "[[jEs]]", "[[jes]]", "[[j%E:s]]"),
    "no": ("no", "no!", "no?", "[[noU]]", "[[n@U]]", "[[no:]]"),
}
# Prototype: range of pitch (0 to 99) and speed (words a minute).
_PITCHES = (15, 90)
_SPEEDS = (105, 220)
# Plain range: how far one voice strays from its own pitch and speed.
_PITCH_STRAYS = 6
_SPEED_STRAYS = 20


@dataclass(frozen=True)
class _Voice:
    """One of espeak-ng's voices, with a pitch and a speed of its own."""

    number: int
    name: str
    pitch: int
    speed: int

    def say(self, label: str, rng: np.random.Generator) -> np.ndarray:
        """Clean word at 16 kHz, without the silence round it, at most a second."""
        text = str(rng.choice(_SPELLINGS.get(label, OTHER_WORDS)))
        pitch = np.clip(self.pitch + rng.integers(-_PITCH_STRAYS, _PITCH_STRAYS + 1), *_PITCHES)
        speed = np.clip(self.speed + rng.integers(-_SPEED_STRAYS, _SPEED_STRAYS + 1), *_SPEEDS)
        return _trim(_espeak(text, self.name, int(pitch), int(speed)))


def _draw_voices(count: int) -> list[_Voice]:
    rng = np.random.default_rng(_SEED)
    names = rng.permutation([f"{accent}+{who}" for accent in _ACCENTS for who in _VARIANTS])
    return [
        _Voice(
            number, str(names[number]), int(rng.integers(*_PITCHES)), int(rng.integers(*_SPEEDS))
        )
        for number in range(count)
    ]


def _espeak(text: str, voice: str, pitch: int, speed: int) -> np.ndarray:
    command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "-a", "120"]
    # No pause between words; to standard output as WAV, 16 bits.
    command += ["-g", "0", "--stdout", text]
    said = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
    # Its header has 44 bytes and no length, as it did not know it yet.
    rate = int.from_bytes(said[24:28], "little")
    samples = np.frombuffer(said[44 : 44 + (len(said) - 44) // 2 * 2], "<i2")
    if not samples.any():
        raise ValueError(f"espeak-ng said nothing for {text!r} as {voice}.")
    return resample(samples.astype(np.float64), from_hz=rate, to_hz=SAMPLE_RATE_HZ)


def _trim(word: np.ndarray) -> np.ndarray:
    # Prototype: a word begins and ends at 2 % of its loudest sample.
    loud = np.flatnonzero(np.abs(word) > 0.02 * np.abs(word).max())
    return word[loud[0] : loud[-1] + 1][:SAMPLE_RATE_HZ]


def _clips_of(voice: _Voice) -> tuple[list[np.ndarray], list[int]]:
    """Features and labels of one voice of seed 0, ordered by label."""
    speaker = _Speaker(np.random.default_rng([_SEED, voice.number]))
    features, labels = [], []
    for label, name in enumerate(LABELS):
        for clip in range(CLIPS[name]):
            rng = np.random.default_rng([_SEED, voice.number, label, clip])
            word = None if name == "silence" else voice.say(name, rng)
            features.append(speaker.clip(word, rng)[1])
            labels.append(label)
    return features, labels


def _words_of(voice: _Voice) -> tuple[list[np.ndarray], list[int]]:
    """Codes and labels of one kept voice, ordered by label."""
    codes, labels = [], []
    for label, name in enumerate(LABELS):
        for word in range(WORDS.get(name, 0)):
            rng = np.random.default_rng([_SEED, voice.number, label, word])
            codes.append(_speech_codec.encode(voice.say(name, rng)))
            labels.append(label)
    return codes, labels


def write(folder: Path, *, shipped: int, kept: int) -> None:
    """Write both files, with so many voices in each."""
    voices = _draw_voices(shipped + kept)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(_clips_of, voices[:shipped]))
        said = list(pool.map(_words_of, voices[shipped:]))
    np.savez_compressed(
        folder / _CLIPS_FILE,
        features=np.stack([clip for clips, _ in made for clip in clips]),
        labels=np.array([label for _, labels in made for label in labels], np.uint8),
        person=np.repeat(np.arange(shipped, dtype=np.uint8), sum(CLIPS.values())),
    )
    codes = [code for codes, _ in said for code in codes]
    np.savez_compressed(
        folder / _WORDS_FILE,
        codes=np.concatenate(codes),
        frames=np.array([len(code) for code in codes], np.uint8),
        labels=np.array([label for _, labels in said for label in labels], np.uint8),
        person=np.repeat(np.arange(shipped, shipped + kept, dtype=np.uint8), sum(WORDS.values())),
    )


def main(arguments: list[str] | None = None) -> int:
    """Regenerate the shipped files; `--voices 4` makes small ones, to try it out."""
    parser = argparse.ArgumentParser(
        prog="python -m course.data.keywords",
        description="Write the keyword clips and words that ship with the course anew.",
    )
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent)
    parser.add_argument("--voices", type=int, help="voices in each file; all by default")
    options = parser.parse_args(arguments)
    if shutil.which("espeak-ng") is None:
        print(
            "This needs the speech synthesiser espeak-ng; on Debian: apt install espeak-ng. "
            "The files that ship with the course are left as they are.",
            file=sys.stderr,
        )
        return 1
    if not options.folder.is_dir():
        print(f"There is no folder {options.folder}.", file=sys.stderr)
        return 1
    if options.voices is not None and not 1 <= options.voices <= KEPT_VOICES:
        print(f"From 1 to {KEPT_VOICES} voices can be asked for.", file=sys.stderr)
        return 1
    write(
        options.folder,
        shipped=options.voices or SHIPPED_VOICES,
        kept=options.voices or KEPT_VOICES,
    )
    for name in (_CLIPS_FILE, _WORDS_FILE):
        file = options.folder / name
        print(f"{file}: {file.stat().st_size:,} bytes")
    return 0
