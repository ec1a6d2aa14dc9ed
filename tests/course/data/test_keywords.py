"""The keyword clips: the files that ship, the voices that are kept, and what seeds make of them."""

import doctest
import hashlib
import io
import os
import shutil
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from course.data import _keywords_synthesis, _speech_codec, keywords
from course.data.keywords import LABELS, clips, generate, stream
from course.features import KeywordFeatures

FOLDER = Path(keywords.__file__).parent
# Of what lies in the files.  When one changes, everything a learner or a grader has measured on
# keywords changes with it: say so in the notes.
FINGERPRINTS = {
    "keywords_clips.npz": "a95a6b705284ebd1",
    "keywords_words.npz": "82a3083f2ac165fa",
}
MOST_BYTES = 6_000_000


def fingerprint(name):
    with np.load(FOLDER / name, allow_pickle=False) as stored:
        contents = [stored[key].tobytes() for key in sorted(stored)]
    return hashlib.sha256(b"".join(contents)).hexdigest()[:16]


@pytest.fixture(scope="module")
def shipped():
    return generate()


@pytest.fixture(scope="module")
def made():
    return generate(people=8, clips_per_label=3, seed=5)


# --- The files ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_the_shipped_files_are_what_they_always_were(name):
    assert fingerprint(name) == FINGERPRINTS[name]


def test_the_shipped_files_take_at_most_6_megabytes():
    assert sum((FOLDER / name).stat().st_size for name in FINGERPRINTS) <= MOST_BYTES


# --- Seed 0 ---------------------------------------------------------------------------------


def test_seed_0_has_3000_clips_of_100_voices(shipped):
    assert shipped.examples.shape == (3000, 49, 40)
    assert shipped.examples.dtype == np.int8
    assert shipped.label_names == LABELS == ("silence", "unknown", "yes", "no")
    assert np.array_equal(shipped.people, np.arange(100))
    assert np.array_equal(np.bincount(shipped.labels), [700, 900, 700, 700])
    assert shipped.licence == "generated with espeak-ng; CC0"


def test_every_voice_gives_every_label(shipped):
    counts = np.zeros((100, 4), int)
    np.add.at(counts, (shipped.person, shipped.labels), 1)
    assert np.array_equal(counts, np.tile([7, 9, 7, 7], (100, 1)))


def test_fewer_people_and_clips_are_the_first_of_all(shipped):
    few = generate(people=3, clips_per_label=2)
    assert len(few) == 3 * 4 * 2
    for person in range(3):
        for name in LABELS:
            whole = shipped.for_people(person).only(name).examples[:2]
            assert np.array_equal(few.for_people(person).only(name).examples, whole)


def test_a_split_by_person_leaves_nobody_on_both_sides(shipped):
    train, test = shipped.split_by_group(test=0.25, seed=3)
    assert not set(train.people) & set(test.people)
    assert len(test) == 750


def test_what_one_caller_does_to_a_data_set_no_other_sees(shipped):
    mine = generate()
    mine.examples[:] = 0
    assert np.array_equal(generate().examples, shipped.examples)


def test_words_are_louder_than_silence_in_a_wide_band(shipped):
    # A word lasts less than half of its clip; its loudest rows stand far above the median row.
    level = np.sort(shipped.examples.astype(float).mean(axis=2), axis=1)
    rise = level[:, -5:].mean(axis=1) - level[:, 24]
    by_label = [np.median(rise[shipped.labels == i]) for i in range(4)]
    assert min(by_label[1:]) > by_label[0]


def test_half_of_the_clips_are_heard_from_switching_on(shipped):
    # Just switched on, a front end has subtracted no noise yet: silence's first row is its loudest.
    silence = shipped.only("silence").examples.astype(float).mean(axis=2)
    fresh = silence[:, 0] > silence[:, 10:].mean(axis=1) + 20
    assert 0.35 < fresh.mean() < 0.65


# --- Other seeds ----------------------------------------------------------------------------


def test_other_seeds_have_voices_that_seed_0_has_not(shipped, made):
    assert not set(shipped.people) & set(made.people)
    assert len(made.people) == 8
    assert len(generate(clips_per_label=1, seed=2).people) == 60


def test_a_seed_makes_the_clips_it_always_makes(made):
    again = generate(people=8, clips_per_label=3, seed=5)
    assert np.array_equal(again.examples, made.examples)
    assert all(map(np.array_equal, again.sounds, made.sounds))


def test_another_process_makes_the_same_clips(made):
    program = (
        "import hashlib\n"
        "from course.data.keywords import generate\n"
        "made = generate(people=8, clips_per_label=3, seed=5)\n"
        "print(hashlib.sha256(made.examples.tobytes()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=FOLDER.parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == hashlib.sha256(made.examples.tobytes()).hexdigest()


def test_a_voice_does_not_depend_on_how_much_is_asked_for(made):
    fewer = generate(people=5, clips_per_label=2, seed=5)
    for person in fewer.people:
        for name in LABELS:
            ours = made.for_people(person).only(name).examples[:2]
            assert np.array_equal(fewer.for_people(person).only(name).examples, ours)


def test_two_seeds_share_no_clip_even_of_the_same_voice():
    one, other = (generate(people=60, clips_per_label=1, seed=seed) for seed in (8, 9))
    assert np.array_equal(one.people, other.people)
    words = one.labels > 0
    apart = np.abs(one.examples.astype(int) - other.examples).mean(axis=(1, 2))
    assert apart[words].min() > 5


def test_features_are_those_of_the_sound(made):
    # Clips of a front end that was switched on with them can be computed anew from the sound.
    rows = [KeywordFeatures().of_clip(sound) for sound in made.sounds]
    same = [np.array_equal(row, clip) for row, clip in zip(rows, made.examples, strict=True)]
    assert 0.3 < np.mean(same) < 0.7


def test_a_hundred_clips_take_about_a_second():
    generate(people=1, seed=4)
    start = time.process_time()
    generate(people=5, clips_per_label=5, seed=4)
    # 0.8 s on an idle laptop; machines that run tests are shared.
    assert time.process_time() - start < 5


# --- To hear ----------------------------------------------------------------------------------


def test_there_are_200_clips_to_hear_50_of_each_label():
    heard = clips()
    assert np.array_equal(np.bincount(heard.labels), [50] * 4)
    for sound in heard.sounds:
        assert sound.shape == (16_000,)
        assert sound.dtype == np.int16
        assert np.abs(sound.astype(int)).max() > 0


def test_a_clip_is_played_as_a_wave_file_of_one_second(made):
    player = made.play(0)
    with wave.open(io.BytesIO(player.data)) as file:
        assert file.getframerate() == 16_000
        assert file.getnframes() == 16_000
        heard = np.frombuffer(file.readframes(16_000), "<i2")
    assert np.array_equal(heard, made.sounds[0])


def test_seed_0_says_calmly_that_it_has_no_sound(shipped):
    with pytest.raises(ValueError, match="nothing to hear"):
        shipped.play(0)


def test_clips_can_be_drawn(shipped):
    assert shipped.take(range(30)).plot(title="Four labels").alt


# --- A stream ---------------------------------------------------------------------------------


def test_a_stream_has_words_at_the_times_it_says():
    heard = stream(seconds=60, seed=3)
    assert heard.readings.shape == (60 * 16_000,)
    assert heard.readings.dtype == np.int16
    assert heard.labels == ("unknown", "yes", "no")
    assert {"yes", "no"} <= {event.label for event in heard.events}
    ends = [0.0] + [event.end_s for event in heard.events]
    for event, before in zip(heard.events, ends, strict=False):
        assert before + 0.79 <= event.start_s < event.end_s <= 60


def test_words_of_a_stream_stand_out_of_its_noise():
    heard = stream(seconds=120, seed=4)
    sound = heard.readings.astype(float)
    louder = []
    for event in heard.events:
        first, last = (round(s * 16_000) for s in (event.start_s, event.end_s))
        before = sound[max(0, first - 4800) : first - 1600]
        louder.append((sound[first:last] ** 2).mean() / ((before**2).mean() + 1))
    # At 3 dB a word adds twice its noise's power; clatter makes single ones uncertain.
    assert np.median(louder) > 10
    assert np.mean(np.array(louder) > 1.5) > 0.85


def test_a_stream_is_the_same_whenever_it_is_made():
    one, other = stream(seconds=10, seed=6), stream(seconds=10, seed=6)
    assert np.array_equal(one.readings, other.readings)
    assert one.events == other.events
    assert not np.array_equal(stream(seconds=10, seed=7).readings, one.readings)


# --- Wrong calls ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: generate(people=0), "people must be at least 1"),
        (lambda: generate(people=101), "has 100 people, not 101"),
        (lambda: generate(people=61, seed=1), "up to 60 people, not 61"),
        (lambda: generate(clips_per_label=8), "has 7 clips of each label and person, not 8"),
        (lambda: generate(clips_per_label=0, seed=1), "clips_per_label must be at least 1"),
        (lambda: generate(seed=-1), "seed must be at least 0"),
        (lambda: generate(seed=0.5), "seed must be a whole number"),
        (lambda: stream(seconds=2), "from 10 to 1800 seconds, not 2"),
        (lambda: stream(seconds=float("nan")), "from 10 to 1800 seconds, not nan"),
        (lambda: stream(seconds="60"), "seconds must be a number"),
    ],
)
def test_wrong_calls_are_refused_in_words(call, said):
    with pytest.raises(ValueError, match=said):
        call()


# --- The code that words are stored in ----------------------------------------------------------


def test_a_coded_word_comes_back_with_little_noise():
    rng = np.random.default_rng(0)
    time_ = np.arange(6500) / 16_000
    word = np.hanning(6500) * sum(np.sin(2 * np.pi * 130 * k * time_) / k for k in range(1, 20))
    word += 0.02 * rng.normal(size=6500) * np.hanning(6500)
    back = _speech_codec.decode(_speech_codec.encode(word))[: len(word)]
    scaled = word * (32_767 / np.abs(word).max())
    assert 10 * np.log10((scaled**2).mean() / ((scaled - back) ** 2).mean()) > 20


def test_the_code_loses_nothing_but_by_rounding(monkeypatch):
    monkeypatch.setattr(_speech_codec, "_POWER", 1.0)
    monkeypatch.setattr(_speech_codec, "_STEP", 4096.0)
    word = np.sin(np.arange(1000) ** 1.3 / 50)
    back = _speech_codec.decode(_speech_codec.encode(word))[:1000]
    # Each of 256 numbers a frame is off by up to half a step; together as much as one, root mean.
    assert np.sqrt(((back / 32_767 - word) ** 2).mean()) < 4096 / 32_767 / np.sqrt(12) * 1.3


# --- The author's command -----------------------------------------------------------------------


def test_without_espeak_the_author_is_told_what_is_missing(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert _keywords_synthesis.main(["--folder", str(tmp_path)]) == 1
    assert "apt install espeak-ng" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_and_an_impossible_count_are_said(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: name)
    assert _keywords_synthesis.main(["--folder", str(tmp_path / "none")]) == 1
    assert "There is no folder" in capsys.readouterr().err
    assert _keywords_synthesis.main(["--folder", str(tmp_path), "--voices", "0"]) == 1
    assert "From 1 to 60 voices" in capsys.readouterr().err


@pytest.mark.slow
def test_espeak_says_again_what_was_shipped(tmp_path, shipped):
    if shutil.which("espeak-ng") is None:
        if os.environ.get("CI") and sys.platform == "linux":
            pytest.fail("CI needs espeak-ng: apt install espeak-ng.")
        pytest.skip("espeak-ng is not installed")
    version = subprocess.run(["espeak-ng", "--version"], capture_output=True, text=True).stdout
    if " 1.51 " not in version:
        pytest.skip("the shipped words were spoken by espeak-ng 1.51")
    done = subprocess.run(
        [sys.executable, "-m", "course.data.keywords", "--folder", tmp_path, "--voices", "1"],
        cwd=FOLDER.parents[1],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "keywords_clips.npz", allow_pickle=False) as stored:
        assert np.array_equal(stored["features"], shipped.for_people(0).examples)


# --- The module ---------------------------------------------------------------------------------


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(keywords).failed == 0
