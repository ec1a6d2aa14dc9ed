"""Readers of the public data sets, on tiny archives made here in each set's own format."""

import io
import tarfile
import wave
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from course.data import public
from course.data.public import speech, wand

RATE = 16_000


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Put the bytes of an archive where a download would, so that `load` finds it."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(public.download, "fetch", lambda source, folder: folder / source.filename)

    def put(name, *contents):
        files = public.describe(name).files
        for file, content in zip(files, contents, strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    return put


def tar(members):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if content is None:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
                continue
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def zipped(members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def without(members, ending):
    return {name: content for name, content in members.items() if not name.endswith(ending)}


def instead(members, ending, content):
    assert any(name.endswith(ending) for name in members)
    return {name: content if name.endswith(ending) else old for name, old in members.items()}


# --- UCI HAR --------------------------------------------------------------------------------

LABEL_FILE = (
    b"1 WALKING\n2 WALKING_UPSTAIRS\n3 WALKING_DOWNSTAIRS\n4 SITTING\n5 STANDING\n6 LAYING\n"
)


def table(values):
    return "".join("".join(f" {value: .7e}" for value in row) + "\n" for row in values).encode()


def har_members(*, windows=6, rng=None):
    rng = rng or np.random.default_rng(0)
    root = "UCI HAR Dataset"
    members = {
        f"{root}/activity_labels.txt": LABEL_FILE,
        f"{root}/README.txt": b"Human Activity Recognition\n",
        f"__MACOSX/{root}/._activity_labels.txt": b"\x00\x05\x16\x07",
    }
    for part, people in (("train", (1, 3)), ("test", (2, 30))):
        members[f"{root}/{part}/y_{part}.txt"] = "".join(
            f"{index % 6 + 1}\n" for index in range(windows)
        ).encode()
        members[f"{root}/{part}/subject_{part}.txt"] = "".join(
            f"{people[index % 2]}\n" for index in range(windows)
        ).encode()
        for signal, offset in (("total_acc", 1.0), ("body_acc", 0.0)):
            for axis, letter in enumerate("xyz"):
                values = rng.normal(offset * (axis == 2), 0.01, (windows, 128))
                name = f"{root}/{part}/Inertial Signals/{signal}_{letter}_{part}.txt"
                members[name] = table(values)
        members[f"{root}/{part}/X_{part}.txt"] = b" 2.8858451e-001 -2.0294171e-002\n"
    return members


def har_archive(members):
    return zipped({"UCI HAR Dataset.zip": zipped(members), "UCI HAR Dataset.names": b"about\n"})


def test_har_has_windows_of_three_axes_in_g_of_both_parts(put):
    members = har_members()
    put("uci_har", har_archive(members))
    data = public.load("uci_har")
    assert data.name == "public/uci_har"
    assert data.licence == "CC BY 4.0"
    assert data.examples.shape == (12, 128, 3)
    assert data.examples.dtype == np.float32
    assert (data.units, data.sample_rate_hz) == ("g", 50)
    assert data.label_names[:2] == ("walking", "walking upstairs")
    assert list(data.names[:3]) == ["walking", "walking upstairs", "walking downstairs"]
    assert list(data.person[:2]) + list(data.person[6:8]) == [1, 3, 2, 30]
    first = members["UCI HAR Dataset/train/Inertial Signals/total_acc_y_train.txt"].split()[:128]
    assert np.array_equal(data.examples[0, :, 1], np.array(first, dtype=np.float32))
    assert data.examples.mean(axis=(0, 1)) == pytest.approx([0, 0, 1], abs=0.01)


def test_har_gives_body_acceleration_and_one_part_where_asked(put):
    put("uci_har", har_archive(har_members()))
    data = public.load("uci_har", signal="body", part="test")
    assert len(data) == 6
    assert set(data.people) == {2, 30}
    assert data.examples.mean() == pytest.approx(0, abs=0.01)


def test_a_limit_takes_as_many_of_each_label_and_a_seed_decides_which(put):
    put("uci_har", har_archive(har_members(windows=18)))
    data = public.load("uci_har", limit=12)
    assert np.array_equal(np.bincount(data.labels), [2] * 6)
    other = public.load("uci_har", limit=12, seed=1)
    again = public.load("uci_har", limit=12, seed=1)
    assert np.array_equal(other.examples, again.examples)
    assert not np.array_equal(other.examples, data.examples)


@pytest.mark.parametrize("wrong", [{"signal": "gyro"}, {"part": "validation"}])
def test_har_refuses_options_it_does_not_have(put, wrong):
    put("uci_har", har_archive(har_members()))
    with pytest.raises(ValueError, match="There is no"):
        public.load("uci_har", **wrong)


@pytest.mark.parametrize(
    ("ending", "content", "told"),
    [
        ("y_train.txt", b"1\n2\n9\n", "y_train.txt.*from 1 to 6"),
        ("y_train.txt", b"one\n", "y_train.txt"),
        ("y_train.txt", b"", "y_train.txt"),
        ("subject_test.txt", b"1\n" * 5, "6 labels, but 5 subjects"),
        ("total_acc_z_test.txt", table(np.zeros((6, 127))), "total_acc_z_test.txt.*127"),
        ("total_acc_z_test.txt", table(np.zeros((5, 128))), "total_acc_z_test.txt.*5 ×"),
        ("total_acc_x_train.txt", b"1.0 nonsense\n", "total_acc_x_train.txt"),
        ("total_acc_x_train.txt", b" nan" * 128 * 6, "total_acc_x_train.txt"),
        ("total_acc_x_train.txt", (b" inf" * 128 + b"\n") * 6, "not all of its values"),
        ("total_acc_x_train.txt", "½\n".encode(), "total_acc_x_train.txt"),
        ("activity_labels.txt", b"1 WALKING\n", "activity_labels.txt.*1 labels"),
        ("activity_labels.txt", b"WALKING\n", "activity_labels.txt"),
    ],
)
def test_a_malformed_member_of_har_is_named(put, ending, content, told):
    put("uci_har", har_archive(instead(har_members(), f"/{ending}", content)))
    with pytest.raises(public.ArchiveError, match=told) as caught:
        public.load("uci_har")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", ["y_test.txt", "body_acc_x_test.txt", "activity_labels.txt"])
def test_a_missing_member_of_har_is_named(put, ending):
    put("uci_har", har_archive(without(har_members(), f"/{ending}")))
    with pytest.raises(public.ArchiveError, match=f"has no member .*{ending}"):
        public.load("uci_har", signal="body")


def test_har_without_its_inner_archive_is_refused(put):
    put("uci_har", zipped({"README.txt": b"moved"}))
    with pytest.raises(public.ArchiveError, match=r"no member UCI HAR Dataset\.zip"):
        public.load("uci_har")


# --- Magic wand -----------------------------------------------------------------------------

PEOPLE = ("hyw", "shiyun", "xunkai")


def take(readings, value=100.0):
    lines = [f"{value + i:.1f},{-value},{10 * value}" for i in range(readings)]
    return "\n-,-,-\n" + "\n".join(lines) + "\n"


def wand_members():
    members = {"wing": None}
    for label in ("wing", "ring", "slope"):
        for value, who in enumerate(PEOPLE, 1):
            text = take(100, 100.0 * value) + take(130, 100.0 * value) + "-,-,-\n"
            members[f"{label}/output_{label}_{who}.txt"] = text.encode()
            members[f"{label}/._output_{label}_{who}.txt"] = b"\x00\x05\x16\x07"
    for number in (1, 2):
        members[f"negative/output_negative_{number}.txt"] = take(300, 7).encode()
    return members


def test_wand_has_windows_in_mg_of_everybody(put):
    put("magic_wand", tar(wand_members()))
    data = public.load("magic_wand")
    assert data.label_names == ("wing", "ring", "slope", "negative")
    assert data.examples.shape == (3 * 3 * 2 + 2 * 2, 128, 3)
    assert data.examples.dtype == np.float32
    assert (data.units, data.sample_rate_hz) == ("mg", 25)
    assert np.array_equal(np.bincount(data.labels), [6, 6, 6, 4])
    # Three people, and two recordings of negatives that nobody put a name to.
    assert len(data.people) == 5
    assert set(data.only("negative").people).isdisjoint(data.only("wing").people)
    assert np.array_equal(data.only("wing").people, data.only("ring").people)


def test_short_takes_are_preceded_by_their_first_reading_and_long_ones_cut(put):
    put("magic_wand", tar(wand_members()))
    data = public.load("magic_wand")
    short, long = data.examples[:2]
    assert np.array_equal(short[28:, 0], 100 + np.arange(100))
    assert np.abs(short[:28] - [100, -100, 1000]).max() <= 10
    assert short[:28].std() > 0
    assert np.array_equal(long[:, 0], 100 + np.arange(128))


def test_negatives_are_cut_without_overlap(put):
    put("magic_wand", tar(wand_members()))
    data = public.load("magic_wand").only("negative")
    assert np.array_equal(data.examples[:2, :, 0].ravel(), 7 + np.arange(256))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"-,-,-\n1,2,x\n", "output_ring_hyw.txt.*could not convert"),
        (b"-,-,-\n1,2,nan\n", "output_ring_hyw.txt.*not all of its readings"),
        (b"\xff\xfe\n", "output_ring_hyw.txt"),
        (b"-,-,-\n", "output_ring_hyw.txt.*no reading"),
        (b"", "output_ring_hyw.txt.*no reading"),
    ],
)
def test_a_malformed_recording_of_the_wand_is_named(put, content, told):
    put("magic_wand", tar(instead(wand_members(), "/output_ring_hyw.txt", content)))
    with pytest.raises(public.ArchiveError, match=told):
        public.load("magic_wand")


def test_a_line_that_the_board_did_not_finish_is_passed_over(put):
    text = (take(127) + "227.0,-1\n" + "228.0,-100.0,1000.0\n").encode()
    put("magic_wand", tar(instead(wand_members(), "/output_wing_hyw.txt", text)))
    assert public.load("magic_wand").examples[0, -1, 0] == 228


def test_a_wand_without_negatives_is_refused(put):
    members = {name: text for name, text in wand_members().items() if "negative" not in name}
    put("magic_wand", tar(members))
    with pytest.raises(public.ArchiveError, match="no recording of negative"):
        public.load("magic_wand")


# --- Speech Commands ------------------------------------------------------------------------


def clip(samples, *, rate=RATE, channels=1, width=2):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(np.asarray(samples, "<i2").tobytes())
    return file.getvalue()


def speech_members(*, per_word=4):
    members = {"./README.md": b"about", "./LICENSE": b"CC BY 4.0"}
    speakers = [f"{number:08x}" for number in range(0xA0B0, 0xA0B0 + per_word)]
    lists = {"validation": [], "testing": []}
    for value, word in enumerate(("yes", "no", "bed", "marvin"), 1):
        for number, speaker in enumerate(speakers):
            name = f"{word}/{speaker}_nohash_0.wav"
            members[f"./{name}"] = clip(np.full(RATE, 100 * value + number))
            if number < 2:
                lists[("validation", "testing")[number]].append(name)
    members["./_background_noise_/white_noise.wav"] = clip(np.arange(30 * RATE) // 60)
    members["./_background_noise_/doing_the_dishes.wav"] = clip(np.full(20 * RATE, -5000))
    members["./_background_noise_/README.md"] = b"noises"
    for which, names in lists.items():
        members[f"./{which}_list.txt"] = "".join(f"{name}\n" for name in names).encode()
    return members


def test_speech_tells_words_from_unknown_words_and_silence(put):
    put("speech_commands", tar(speech_members()))
    data = public.load("speech_commands")
    assert data.label_names == ("silence", "unknown", "yes", "no")
    assert np.array_equal(np.bincount(data.labels), [4, 4, 4, 4])
    assert data.examples.shape == (16, RATE)
    assert data.examples.dtype == np.int16
    assert data.sample_rate_hz == RATE
    assert set(data.only("yes").examples[:, 0]) == {100, 101, 102, 103}
    assert data.only("unknown").examples[:, 0].min() >= 300
    assert np.array_equal(np.stack(data.sounds), data.examples)


def test_a_speaker_is_one_group_across_words_and_a_noise_is_another(put):
    put("speech_commands", tar(speech_members()))
    data = public.load("speech_commands")
    assert np.array_equal(data.only("yes").people, data.only("no").people)
    assert len(data.only("yes").people) == 4
    assert set(data.only("silence").people).isdisjoint(data.only("yes", "no").people)
    train, test = data.split_by_group(0.25)
    assert set(train.people).isdisjoint(test.people)


def test_speech_can_give_every_word_a_label(put):
    put("speech_commands", tar(speech_members()))
    data = public.load("speech_commands", words=None)
    assert data.label_names == ("bed", "marvin", "no", "yes")
    assert np.array_equal(np.bincount(data.labels), [4, 4, 4, 4])


def test_the_official_lists_divide_speech_into_three_parts(put):
    put("speech_commands", tar(speech_members()))
    parts = {
        part: public.load("speech_commands", part=part, words=None)
        for part in ("train", "validation", "test")
    }
    assert {part: len(data) for part, data in parts.items()} == {
        "train": 8,
        "validation": 4,
        "test": 4,
    }
    firsts = {part: {int(x) % 100 for x in data.examples[:, 0]} for part, data in parts.items()}
    assert firsts == {"train": {2, 3}, "validation": {0}, "test": {1}}


def test_silence_of_a_part_is_cut_from_a_stretch_of_its_own(put):
    put("speech_commands", tar(speech_members(per_word=12)))
    for part, (low, high) in speech._STRETCH.items():
        silence = public.load("speech_commands", part=part).only("silence").examples
        # White noise counts up from 0 to 8,000 in this archive; dishes are negative.
        rising = silence[silence.max(axis=1) > 0]
        assert rising.max(initial=0) <= high * 8000 + 1
        assert silence.min() >= -5000
        assert low < high


def test_short_clips_are_filled_up_with_silence_and_long_ones_cut(put):
    members = speech_members()
    short, long = (
        name for name in members if name.startswith("./yes/0000a0b") and name[-14] in "01"
    )
    members[short] = clip(np.full(9000, 55))
    members[long] = clip(np.full(20_000, 66))
    put("speech_commands", tar(members))
    yes = public.load("speech_commands").only("yes").examples
    assert np.count_nonzero(yes == 55) == 9000
    assert np.count_nonzero(yes == 66) == RATE


def test_the_test_set_brings_its_own_silence_and_unknown_words(put):
    members = {}
    for folder in ("yes", "no", "up", "_silence_", "_unknown_"):
        for number in range(3):
            name = f"{number}.wav" if folder == "_silence_" else f"0a7c2a8{number}_nohash_0.wav"
            members[f"./{folder}/{name}"] = clip(np.full(RATE, number))
    put("speech_commands_test", tar(members))
    data = public.load("speech_commands_test")
    assert data.label_names == ("silence", "unknown", "yes", "no")
    assert np.array_equal(np.bincount(data.labels), [3, 3, 3, 3])
    assert np.array_equal(data.only("yes").people, data.only("unknown").people)
    with pytest.raises(ValueError, match="no option 'part'"):
        public.load("speech_commands_test", part="test")


def test_a_limit_bounds_what_is_read_of_speech(put):
    put("speech_commands", tar(speech_members()))
    data = public.load("speech_commands", limit=6)
    assert len(data) == 6
    assert np.bincount(data.labels, minlength=4).min() >= 1


def test_a_word_nobody_said_is_answered_with_those_that_were(put):
    put("speech_commands", tar(speech_members()))
    with pytest.raises(ValueError, match=r"no word 'maybe' in .*it has bed, marvin, no, yes"):
        public.load("speech_commands", words=["yes", "maybe"])
    with pytest.raises(ValueError, match="no part 'dev'"):
        public.load("speech_commands", part="dev")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (clip(np.zeros(RATE))[:1000], "478 of 16000 samples"),
        (clip(np.zeros(RATE))[:20], "0000a0b0_nohash_0.wav"),
        (b"", "0000a0b0_nohash_0.wav"),
        (b"RIFF\x00\x00\x00\x00JUNK", "0000a0b0_nohash_0.wav"),
        (clip(np.zeros(RATE), rate=8000), "8000 Hz instead"),
        (clip(np.zeros(2 * RATE), channels=2), "2 channels"),
    ],
)
def test_a_malformed_clip_is_named(put, content, told):
    put("speech_commands", tar(instead(speech_members(), "yes/0000a0b0_nohash_0.wav", content)))
    with pytest.raises(public.ArchiveError, match=told) as caught:
        public.load("speech_commands")
    assert "yes/0000a0b0_nohash_0.wav in speech_commands_v0.02.tar.gz" in str(caught.value)


def test_a_noise_that_is_too_short_is_named(put):
    put("speech_commands", tar(instead(speech_members(), "white_noise.wav", clip([1, 2, 3]))))
    with pytest.raises(public.ArchiveError, match=r"white_noise\.wav .*too short"):
        public.load("speech_commands")


def test_speech_without_its_lists_cannot_be_read_in_parts(put):
    put("speech_commands", tar(without(speech_members(), "testing_list.txt")))
    with pytest.raises(public.ArchiveError, match=r"no testing_list\.txt"):
        public.load("speech_commands", part="train")


# --- Pictures -------------------------------------------------------------------------------


def picture(colour, size=(300, 300), form="PNG", mode="RGBA"):
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, form)
    return file.getvalue()


def hands_members():
    members = {"rps/": b""}
    for label, colour in (("paper", "red"), ("rock", "lime"), ("scissors", "blue")):
        for hand in ("01", "02", "05ck01"):
            members[f"rps/{label}/{label}{hand}-000.png"] = picture(colour)
        members[f"__MACOSX/rps/{label}/._{label}01-000.png"] = b"\x00\x05\x16\x07"
        members[f"rps/{label}/.DS_Store"] = b"Bud1"
    return members


def test_hands_are_pictures_whose_group_is_the_hand(put):
    put("rock_paper_scissors", zipped(hands_members()))
    data = public.load("rock_paper_scissors", size=24)
    assert data.label_names == ("rock", "paper", "scissors")
    assert data.examples.shape == (9, 24, 24, 3)
    assert data.examples.dtype == np.uint8
    assert data.sample_rate_hz is None
    assert (data.only("rock").examples == [0, 255, 0]).all()
    assert (data.only("scissors").examples == [0, 0, 255]).all()
    assert len(data.people) == 3
    assert np.array_equal(data.only("rock").people, data.only("paper").people)


def test_photographs_are_cut_to_a_square_around_their_middle(put):
    members = {
        f"flower_photos/{kind}/{number}_{kind}.jpg": picture("white", (64, 64), "JPEG", "RGB")
        for kind in ("daisy", "dandelion", "roses", "sunflowers", "tulips")
        for number in (1, 2)
    }
    wide = Image.new("RGB", (320, 160), "black")
    wide.paste("white", (80, 0, 240, 160))
    file = io.BytesIO()
    wide.save(file, "JPEG", quality=95)
    members["flower_photos/roses/1_roses.jpg"] = file.getvalue()
    members["flower_photos/LICENSE.txt"] = b"CC BY"
    put("flower_photos", tar(members))
    data = public.load("flower_photos")
    assert data.examples.shape == (10, 96, 96, 3)
    assert data.only("roses").examples.min() > 200
    assert len(data.people) == 10


def test_pictures_with_and_without_a_person(put):
    put(
        "visual_wake_words_96",
        tar(
            {
                f"vw_coco2014_96/{folder}/COCO_train2014_{number:012d}.jpg": picture(
                    colour, (96, 96), "JPEG", "RGB"
                )
                for folder, colour in (("person", "white"), ("non_person", "black"))
                for number in range(5)
            }
        ),
    )
    data = public.load("visual_wake_words_96", limit=4)
    assert data.label_names == ("no person", "person")
    assert np.array_equal(np.bincount(data.labels), [2, 2])
    assert data.only("person").examples.min() > 250
    assert data.only("no person").examples.max() < 5


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        picture("red")[:200],
        picture("red")[:-8],
        b"GIF89a" + bytes(20),
        b"P6 10 10 255\n" + bytes(300),
    ],
)
def test_a_damaged_picture_is_named(put, content):
    put("rock_paper_scissors", zipped(instead(hands_members(), "/paper02-000.png", content)))
    if content == picture("red")[:-8]:
        # Only the end mark is missing: all pixels are there.
        assert len(public.load("rock_paper_scissors", size=8)) == 9
        return
    with pytest.raises(public.ArchiveError, match=r"paper02-000\.png in rock_paper_scissors"):
        public.load("rock_paper_scissors", size=8)


def test_a_picture_that_announces_a_thousand_megapixels_is_not_decoded(put):
    def chunk(kind, content):
        check = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + check

    header = (40_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    huge = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))
    put("rock_paper_scissors", zipped(instead(hands_members(), "/paper02-000.png", huge)))
    with pytest.raises(public.ArchiveError, match=r"paper02-000\.png"):
        public.load("rock_paper_scissors")


def test_pictures_without_one_of_their_folders_are_refused(put):
    members = {name: content for name, content in hands_members().items() if "/rock/" not in name}
    put("rock_paper_scissors", zipped(members))
    with pytest.raises(public.ArchiveError, match="no picture in a folder rock"):
        public.load("rock_paper_scissors")


@pytest.mark.parametrize("size", [4, 2000, 9.5, "96"])
def test_a_size_out_of_range_is_refused(put, size):
    put("rock_paper_scissors", zipped(hands_members()))
    with pytest.raises(ValueError, match="size must be"):
        public.load("rock_paper_scissors", size=size)


# --- Whatever the bytes ---------------------------------------------------------------------

SMALL = {
    "uci_har": har_archive(har_members(windows=2)),
    "magic_wand": tar(wand_members()),
    "speech_commands": tar(speech_members(per_word=2)),
    "rock_paper_scissors": zipped(hands_members()),
}
FUZZ = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("name", SMALL)
@given(share=st.floats(0, 0.999))
@FUZZ
def test_an_archive_cut_anywhere_is_a_calm_error(put, name, share):
    put(name, SMALL[name][: int(share * len(SMALL[name]))])
    with pytest.raises(public.ArchiveError) as caught:
        public.load(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", SMALL)
@given(share=st.floats(0, 0.999), value=st.integers(1, 255))
@FUZZ
def test_an_archive_with_a_wrong_byte_is_read_or_a_calm_error(put, name, share, value):
    damaged = bytearray(SMALL[name])
    damaged[int(share * len(damaged))] ^= value
    put(name, bytes(damaged))
    sentence = ""
    try:
        sentence = repr(public.load(name))
    except public.ArchiveError as error:
        sentence = str(error)
    assert sentence
    assert "\n" not in sentence


def test_recorded_and_generated_sets_have_the_same_labels_in_the_same_order(put):
    from course.data import gestures, keywords

    assert (wand.LABELS, wand.WINDOW) == (gestures.LABELS, gestures.WINDOW)
    assert wand.SAMPLE_RATE_HZ == gestures.SAMPLE_RATE_HZ
    put("speech_commands", tar(speech_members(per_word=1)))
    assert public.load("speech_commands").label_names == keywords.LABELS
