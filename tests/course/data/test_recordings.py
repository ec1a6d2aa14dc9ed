"""A folder of the learner's own recordings: whole files, nothing overwritten, nothing lost."""

import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import time
import unicodedata
import wave

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course.data import recordings as module
from course.data.recordings import Recordings, RecordingsError, folder_name

SIGNAL = np.arange(12, dtype=np.float32).reshape(4, 3)
CLIP = np.array([0, -32768, 32767, 5], np.int16)
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def recordings(tmp_path):
    return Recordings(tmp_path / "mine")


def put(recordings, name, content):
    path = recordings.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def note(recordings):
    """The one sentence about the one file that was passed over."""
    assert list(recordings) == []
    (sentence,) = recordings.notes
    assert sentence.endswith("It was passed over and left as it is.")
    return sentence


# Adding and reading


def test_what_was_added_comes_back_with_all_its_facts(recordings):
    path = recordings.add("wing", SIGNAL, sample_rate_hz=25, units="mg", person=3)
    (item,) = recordings
    assert (item.path, item.label, item.units, item.person) == (path, "wing", "mg", 3)
    assert item.sample_rate_hz == 25
    assert item.readings.dtype == np.float32
    np.testing.assert_array_equal(item.readings, SIGNAL)
    assert path.read_text("utf-8").splitlines()[6] == "x (mg),y (mg),z (mg)"
    assert recordings.notes == ()


def test_a_sound_becomes_a_wav_file_that_other_programs_open(recordings):
    path = recordings.add("yes", CLIP, sample_rate_hz=16_000, person=2)
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (1, 2, 16_000, 4)
    (item,) = recordings
    assert (item.label, item.person, item.readings.dtype) == ("yes", 2, np.int16)
    assert item.readings.tolist() == CLIP.tolist()
    assert struct.unpack("<I", path.read_bytes()[4:8])[0] == path.stat().st_size - 8


@QUICK
@given(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
    st.floats(1e-3, 1e6),
)
def test_every_float32_and_every_rate_survive_the_file(tmp_path_factory, values, rate):
    recordings = Recordings(tmp_path_factory.mktemp("r"))
    recordings.add("a", values, sample_rate_hz=rate)
    (item,) = recordings
    assert item.sample_rate_hz == rate
    assert item.readings[:, 0].tolist() == np.array(values, np.float32).tolist()


def test_recordings_of_one_moment_get_names_of_their_own(recordings, monkeypatch):
    tokens = iter(["0" * 8, "1" * 8, "2" * 8, "1" * 8, "3" * 8])
    monkeypatch.setattr(module.secrets, "token_hex", lambda _: next(tokens))
    monkeypatch.setattr(module.time, "strftime", lambda *_: "20260101-000000")
    first = recordings.add("a", [[1]], sample_rate_hz=1)
    second = recordings.add("a", [[2]], sample_rate_hz=1)
    assert first != second
    assert [item.readings.item() for item in recordings] == [1, 2]


def test_a_name_that_is_taken_is_never_written_over(recordings, monkeypatch):
    taken = put(recordings, "a/20260101-000000-11111111.csv", "precious")
    tokens = iter(["0" * 8, "1" * 8, "2" * 8])
    monkeypatch.setattr(module.secrets, "token_hex", lambda _: next(tokens))
    monkeypatch.setattr(module.time, "strftime", lambda *_: "20260101-000000")
    path = recordings.add("a", [[1]], sample_rate_hz=1)
    assert path.name == "20260101-000000-22222222.csv"
    assert taken.read_text() == "precious"


def test_a_folder_without_hard_links_is_not_written_over_either(recordings, monkeypatch):
    def no_links(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(module.os, "link", no_links)
    paths = [recordings.add("a", [[n]], sample_rate_hz=1) for n in range(3)]
    assert sorted(item.readings.item() for item in recordings) == [0, 1, 2]
    with pytest.raises(FileExistsError):
        module._publish(put(recordings, "a/.x.part", "new"), paths[0])
    assert len(list(recordings)) == 3


def test_a_disk_that_refuses_is_named_and_leaves_no_rubbish(recordings, monkeypatch):
    recordings.add("a", [[1]], sample_rate_hz=1)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(RecordingsError, match=r"no space left on device.*untouched"):
        recordings.add("a", [[2]], sample_rate_hz=1)
    assert len(list(recordings.folder.rglob("*.*"))) == 1


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(RecordingsError, match="cannot be listed"):
        list(Recordings(tmp_path / "file"))
    with pytest.raises(RecordingsError, match="could not be written"):
        Recordings(tmp_path / "file").add("a", [[1]], sample_rate_hz=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "   "}, "label is empty"),
        ({"label": 3}, "must be text"),
        ({"label": "x" * 81}, "81 characters"),
        ({"label": "a\0b"}, "cannot be written"),
        ({"label": "\ud800"}, "cannot be written"),
        ({"units": "m\x07"}, "cannot be written"),
        ({"sample_rate_hz": 0}, "between 0 and"),
        ({"sample_rate_hz": float("nan")}, "between 0 and"),
        ({"sample_rate_hz": "fast"}, "must be a number"),
        ({"person": -1}, "whole number"),
        ({"person": 1.5}, "whole number"),
        ({"person": True}, "whole number"),
        ({"readings": []}, "of the shape"),
        ({"readings": [[["a"]]]}, "of the shape"),
        ({"readings": [[1.0, float("nan")]]}, "finite"),
        ({"readings": [[1e300]]}, "finite"),
        ({"readings": np.array([], np.int16)}, "empty"),
        ({"readings": CLIP, "sample_rate_hz": 0.5}, "whole number"),
        ({"readings": np.zeros(2**24 + 1, np.float32)}, "shorter pieces"),
        ({"readings": np.zeros(2**24 + 1, np.int16)}, "shorter pieces"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_made(recordings, change, message):
    given_ = {"label": "a", "readings": SIGNAL, "sample_rate_hz": 25} | change
    with pytest.raises(ValueError, match=message):
        recordings.add(given_.pop("label"), given_.pop("readings"), **given_)
    assert not recordings.folder.exists()


# Names of labels


HOSTILE = [
    "../../etc/passwd", "..", ".", "/", "\\\\server\\share", "C:\\x", "CON", "nul.txt", "com1",
    "LPT¹.x", "a/b", "a:b", "trailing.", ".hidden", "50 %", "%2E%2E", "flügel", "éclair",
    "e\u0301clair",
    "手", "👩‍🚀", "\u202egnp.exe", "x" * 80, "手" * 80, "aux", "'; rm -rf ~", "<b>", "*?",
]  # fmt: skip


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_label_stays_inside_the_folder_and_comes_back(recordings, label):
    path = recordings.add(label, SIGNAL, sample_rate_hz=25)
    assert path.resolve().parent.parent == recordings.folder.resolve()
    (item,) = recordings
    assert item.label == unicodedata.normalize("NFC", label)
    recordings.add(label, CLIP, sample_rate_hz=16_000)
    assert {item.label for item in recordings} == {item.label}


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=80))
def test_a_folder_name_suits_every_system_and_leads_back_to_the_label(label):
    label = unicodedata.normalize("NFC", label)
    name = folder_name(label)
    assert 0 < len(name.encode()) <= 80
    assert not set(name) & set('<>:"/\\|?*\0')
    assert name[0] not in ". "
    assert name[-1] not in ". "
    assert name.split(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT9"}
    if len(label.encode()) < 20:
        assert module._label_of(name) == label


def test_labels_that_differ_only_in_case_stay_apart_where_folders_do_not(recordings):
    one = recordings.add("Wing", SIGNAL, sample_rate_hz=25)
    other = recordings.add("wing", SIGNAL, sample_rate_hz=25)
    # As on a file system that does not tell upper from lower case:
    os.rename(other, one.parent / other.name)
    assert {item.label for item in recordings} == {"Wing", "wing"}


def test_moving_a_file_to_another_folder_gives_it_another_label(recordings):
    for readings, rate in ((SIGNAL, 25), (CLIP, 16_000)):
        path = recordings.add("ring", readings, sample_rate_hz=rate)
        put(recordings, "flügel %28/" + path.name, path.read_bytes())
        path.unlink()
    assert [item.label for item in recordings] == ["flügel ("] * 2


# Files from elsewhere, and damaged ones


def test_a_csv_from_elsewhere_takes_its_label_from_its_folder(recordings):
    put(
        recordings,
        "wave hand/a.CSV",
        b"\xef\xbb\xbf# sample_rate_hz: 50\r\ntime,x\r\n1, 2\r\n3,4e1\r\n\r\n",
    )
    (item,) = recordings
    assert (item.label, item.sample_rate_hz, item.units, item.person) == ("wave hand", 50, "", 0)
    assert item.readings.tolist() == [[1, 2], [3, 40]]


RATE = "# sample_rate_hz: 25\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        ("1,2\n3,4\n", "does not say its rate"),
        ("# sample_rate_hz: fast\n1\n", "must be a number"),
        ("# sample_rate_hz: inf\n1\n", "must lie between"),
        (RATE + "x,y\n", "holds no readings"),
        (RATE + "1,2\n3\n", "has 1 columns in line 3, but 2"),
        (RATE + "x\n1\ny\n", "holds 'y' in line 4"),
        (RATE + "1;2\n3;4\n", "holds '3;4' in line 3"),
        (RATE + "1\n1_0\n", "holds '1_0' in line 3"),
        (RATE + "1\nnan\n", "not a finite number"),
        (RATE + "1\n1e999\n", "not a finite number"),
        (RATE + "# readings: 3\n1\n2\n", "holds 2 readings but promises 3"),
        (RATE + "# person: Ann\n1\n", "names the person 'Ann'"),
        (RATE + "# units: " + "m" * 30 + "\n1\n", "30 characters"),
        (RATE.encode() + b"\xff\xfe1\n", "is not UTF-8"),
        (RATE + "1," * 70 + "1\n", "more than 64 columns"),
        (RATE.encode() + b"1\n\0\0\0\n", "no number"),
    ],
)  # fmt: skip
def test_a_csv_that_cannot_be_used_is_passed_over_with_its_reason(recordings, content, said):
    path = put(recordings, "a/x.csv", content)
    before = path.read_bytes()
    sentence = note(recordings)
    assert sentence.startswith("a/x.csv ")
    assert said in sentence
    assert path.read_bytes() == before


def wav(recordings, *, channels=1, width=2, rate=16_000):
    path = put(recordings, "a/x.wav", b"")
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(bytes(8 * channels * width))
    return path


def test_a_wav_of_another_kind_is_passed_over_with_its_reason(recordings):
    wav(recordings, channels=2, width=1)
    assert "has 2 channels of 8 bits" in note(recordings)
    wav(recordings, rate=2_000_000)
    assert "must lie between" in note(recordings)
    put(recordings, "a/x.wav", b"RIFF\0\0\0\0WAVE")
    assert "not a whole WAV file" in note(recordings)
    put(recordings, "a/x.wav", b"ID3 mp3 really")
    assert "not a whole WAV file" in note(recordings)


def test_a_wav_from_elsewhere_takes_its_label_from_its_folder(recordings):
    wav(recordings, rate=8000)
    (item,) = recordings
    assert (item.label, item.sample_rate_hz, len(item.readings), item.person) == ("a", 8000, 8, 0)


@pytest.mark.parametrize("readings", [SIGNAL, CLIP])
def test_a_recording_cut_anywhere_is_whole_or_passed_over(recordings, readings):
    path = recordings.add("a", readings, sample_rate_hz=16_000, person=1)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        items = list(recordings)
        assert len(items) + len(recordings.notes) == 1
        # Of a sound only the facts that follow it may be missing; its folder names it still.
        for item in items:
            assert item.label == "a"
            assert item.readings.tolist() == readings.tolist()
        assert not items or item.is_sound


@QUICK
@given(st.binary(max_size=200), st.sampled_from(["x.csv", "x.wav"]), st.booleans())
def test_bytes_by_chance_are_read_or_passed_over(tmp_path_factory, content, name, start_well):
    recordings = Recordings(tmp_path_factory.mktemp("r"))
    if start_well:
        good = Recordings(tmp_path_factory.mktemp("g"))
        path = good.add("a", CLIP if "wav" in name else SIGNAL, sample_rate_hz=25)
        at = len(content) % 60
        whole = path.read_bytes()
        content = whole[:at] + content + whole[at + len(content) :]
    path = put(recordings, f"a/{name}", content)
    assert len(list(recordings)) + len(recordings.notes) == 1
    assert path.read_bytes() == content


def test_a_huge_file_is_passed_over_without_being_read(recordings):
    path = put(recordings, "a/x.csv", RATE)
    os.truncate(path, 50 * 2**30)
    began = time.perf_counter()
    assert "larger than the limit of 32.0 MB" in note(recordings)
    assert time.perf_counter() - began < 5


def test_a_damaged_file_does_not_hide_the_others(recordings):
    recordings.add("a", SIGNAL, sample_rate_hz=25)
    put(recordings, "a/0.csv", "rubbish")
    recordings.add("b", SIGNAL, sample_rate_hz=25)
    assert [item.label for item in recordings] == ["a", "b"]
    assert len(recordings.notes) == 1


def test_a_file_without_any_label_says_where_to_put_it(recordings):
    put(recordings, "x.csv", RATE + "1\n")
    assert "has no label. Move it into a sub-folder" in note(recordings)


@pytest.mark.skipif(os.name != "posix", reason="Named pipes are POSIX's.")
def test_a_pipe_or_a_folder_named_like_a_recording_does_not_block(recordings):
    put(recordings, "a/x.txt", "not ours")
    os.mkfifo(recordings.folder / "a" / "pipe.csv")
    (recordings.folder / "a" / "folder.wav").mkdir()
    (recordings.folder / "a" / "nowhere.csv").symlink_to("nothing")
    assert list(recordings) == []
    assert len(recordings.notes) == 3
    assert all("is not a file" in sentence for sentence in recordings.notes)


def test_an_old_unfinished_file_is_named_and_a_young_one_is_let_be(recordings):
    path = put(recordings, "a/.x.part", "half")
    assert list(recordings) == []
    assert recordings.notes == ()
    os.utime(path, (1, 1))
    assert "left unfinished by a kernel that stopped" in note(recordings)


def test_a_folder_that_does_not_exist_yet_is_empty(recordings):
    assert list(recordings) == []
    assert "0 files" in repr(recordings)


# Several kernels, and killed ones


def _add_many(folder, person):
    for n in range(15):
        Recordings(folder).add("shared", [[n]], sample_rate_hz=1, person=person)


def test_several_kernels_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_add_many, args=(tmp_path, person)) for person in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    recordings = Recordings(tmp_path)
    found = {(item.person, int(item.readings.item())) for item in recordings}
    assert found == {(person, n) for person in range(3) for n in range(15)}
    assert recordings.notes == ()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's.")
def test_a_killed_kernel_leaves_only_whole_recordings(tmp_path):
    code = (
        "import sys, numpy as np\n"
        "from course.data.recordings import Recordings\n"
        "for n in range(10**6):\n"
        "    Recordings(sys.argv[1]).add('a', np.full((2000, 3), n), sample_rate_hz=25)\n"
        "    print(n, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line == "4\n":
            break
    time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    added = 5 + len(process.stdout.readlines())
    process.wait()
    recordings = Recordings(tmp_path)
    items = list(recordings)
    assert len(items) >= added
    assert all(item.readings.shape == (2000, 3) for item in items)
    assert recordings.notes == ()


# As a data set


def test_windows_of_all_recordings_become_one_dataset(recordings, capsys):
    for person, label in ((4, "wing"), (7, "ring")):
        readings = np.arange(30).reshape(10, 3) + 100 * person
        recordings.add(label, readings, sample_rate_hz=25, units="mg", person=person)
    recordings.add("slope", SIGNAL[:3], sample_rate_hz=25, units="mg")
    data = recordings.dataset(window=4, stride=3)
    assert data.examples.shape == (6, 4, 3)
    assert data.label_names == ("ring", "wing")
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.person.tolist() == [7, 7, 7, 4, 4, 4]
    assert (data.units, data.sample_rate_hz, data.sounds) == ("mg", 25, None)
    assert data.examples[1, 0].tolist() == [709, 710, 711]
    assert "has 3 readings, a window needs 4" in capsys.readouterr().out
    assert len(recordings.notes) == 1


def test_clips_become_a_dataset_that_can_be_heard(recordings):
    recordings.add("yes", np.arange(32_000).astype(np.int16), sample_rate_hz=16_000)
    data = recordings.dataset(window=16_000)
    assert data.examples.shape == (2, 16_000)
    assert [sound.tolist() for sound in data.sounds] == data.examples.tolist()


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"sample_rate_hz": 50}, "sample rate: 25 Hz and 50 Hz"),
        ({"units": "g"}, "units: mg and g"),
        ({"readings": SIGNAL[:, :2]}, "columns"),
        ({"readings": CLIP}, "kind"),
    ],
)
def test_recordings_that_do_not_belong_together_are_not_mixed(recordings, second, message):
    first = {"readings": SIGNAL, "sample_rate_hz": 25, "units": "mg"}
    recordings.add("a", **first)
    recordings.add("b", **(first | second))
    with pytest.raises(ValueError, match=message):
        recordings.dataset(window=2)


def test_a_dataset_of_nothing_or_of_odd_windows_is_refused(recordings):
    with pytest.raises(ValueError, match="no recording of at least 4 readings"):
        recordings.dataset(window=4)
    for wrong in (0, 2.0, True):
        with pytest.raises(ValueError, match="whole number of readings"):
            recordings.dataset(window=wrong)
