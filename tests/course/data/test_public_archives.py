"""Archives that mean harm or are broken: refused in one sentence, and nothing reaches the disk."""

import gzip
import io
import random
import stat
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.data.public import archives
from course.data.public.archives import opened
from course.data.public.errors import ArchiveError


def tar(*members, form=tarfile.PAX_FORMAT):
    """Pack pairs of a TarInfo (or a name) and content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=form) as archive:
        for info, content in members:
            info = tarfile.TarInfo(info) if isinstance(info, str) else info
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def zipped(*members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, content in members:
            archive.writestr(info, content)
    return packed.getvalue()


PACK = {"tar": tar, "zip": zipped}
both = pytest.mark.parametrize("pack", PACK.values(), ids=PACK)


@both
def test_members_are_read_in_the_order_in_which_they_are_stored(pack):
    with opened(pack(("./b/2.txt", b"two"), ("./a/1.txt", b"one"), ("c", b""))) as archive:
        assert archive.names == ("b/2.txt", "a/1.txt", "c")
        assert dict(archive.read(["c", "a/1.txt"])) == {"a/1.txt": b"one", "c": b""}
        assert archive.only("b/2.txt") == b"two"


@both
def test_notes_of_macos_are_left_out(pack):
    with opened(pack(("__MACOSX/a", b""), ("x/._a", b""), ("x/a", b"1"))) as archive:
        assert archive.names == ("x/a",)


@both
def test_a_member_that_is_not_there_is_named(pack):
    with opened(pack(("a", b"")), "data.zip") as archive, pytest.raises(ArchiveError) as caught:
        archive.only("labels.txt")
    assert str(caught.value) == "data.zip has no member labels.txt."


@both
@pytest.mark.parametrize(
    "name",
    ["../outside", "a/../../outside", "/etc/passwd", "C:/Windows/x", "..\\outside", "a\\..\\..\\b"],
)
def test_a_name_that_points_outside_is_refused(pack, name):
    with pytest.raises(ArchiveError, match="points outside"), opened(pack((name, b"x"))):
        pytest.fail("it was opened")


@both
def test_a_name_cannot_draw_on_the_terminal(pack):
    with pytest.raises(ArchiveError) as caught, opened(pack(("../\x1b[2Jé" + "x" * 500, b""))):
        pytest.fail("it was opened")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_a_damaged_member_cannot_draw_on_the_terminal_either():
    packed = bytearray(zipped((zipfile.ZipInfo("a\x1b[2J\n.txt"), b"AAAA")))
    packed[packed.index(b"AAAA")] = ord("B")
    with opened(bytes(packed)) as archive, pytest.raises(ArchiveError) as caught:
        archive.only(archive.names[0])
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_passed_over(kind):
    link = tarfile.TarInfo("link")
    link.type, link.linkname = kind, "/etc/passwd"
    with opened(tar((link, b""), ("a", b"1"))) as archive:
        assert archive.names == ("a",)


def test_links_and_folders_in_a_zip_are_passed_over():
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with opened(zipped((link, b"/etc/passwd"), ("folder/", b""), ("a", b"1"))) as archive:
        assert archive.names == ("a",)


@both
def test_too_many_members_are_refused(pack, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_MEMBERS", 3)
    with opened(pack(*((str(i), b"") for i in range(3)))) as archive:
        assert len(archive.names) == 3
    with pytest.raises(ArchiveError, match="more than 3 members"):
        opened(pack(*((str(i), b"") for i in range(4)))).__enter__()


@both
@pytest.mark.parametrize("limit", ["_MOST_MEMBER_BYTES", "_MOST_BYTES"])
def test_members_that_would_swell_are_refused_before_they_are_read(pack, monkeypatch, limit):
    bomb = pack(("small", b"1"), ("bomb", bytes(3_000_000)))
    assert len(bomb) < 10_000
    monkeypatch.setattr(archives, limit, 2_000_000)
    with pytest.raises(ArchiveError, match=r"The member bomb .* would take 3,000,000 bytes"):
        opened(bomb).__enter__()


def test_a_tar_whose_header_announces_more_than_there_is_is_refused():
    header = tarfile.TarInfo("big")
    header.size = 100_000_000
    packed = gzip.compress(header.tobuf() + bytes(2048))
    with pytest.raises(ArchiveError, match="cut short or damaged"):
        opened(packed).__enter__()


def test_a_tar_whose_long_name_would_fill_the_memory_is_refused():
    header = tarfile.TarInfo("name")
    header.type, header.size = tarfile.XHDTYPE, 7_000_000_000
    packed = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    with pytest.raises(ArchiveError, match="cut short or damaged"):
        opened(packed).__enter__()


def test_a_zip_with_a_password_is_refused_by_name():
    packed = bytearray(zipped(("secret.txt", b"text")))
    # The first bit of the flags, in the local header and in the directory, says "encrypted".
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    with (
        opened(bytes(packed), "data.zip") as archive,
        pytest.raises(ArchiveError, match=r"secret\.txt in data\.zip .*password"),
    ):
        archive.only("secret.txt")


def test_a_member_whose_check_sum_is_wrong_is_named():
    packed = bytearray(zipped((zipfile.ZipInfo("a.txt"), b"AAAA"), ("b.txt", b"fine")))
    packed[packed.index(b"AAAA")] = ord("B")
    with opened(bytes(packed), "data.zip") as archive:
        assert archive.only("b.txt") == b"fine"
        with pytest.raises(ArchiveError, match=r"a\.txt in data\.zip is cut short or damaged"):
            archive.only("a.txt")


def test_a_tar_that_ends_early_names_the_member_in_which_it_does():
    noise = random.Random(0).randbytes(50_000)
    packed = tar(("first.bin", noise), ("second.bin", noise))
    with pytest.raises(ArchiveError, match=r"data\.tar\.gz .* in or after second\.bin"):
        opened(packed[: len(packed) * 3 // 4], "data.tar.gz").__enter__()


@pytest.mark.parametrize("content", [b"", b"P", b"PK", b"\x1f\x8b", b"<html>", bytes(2000)])
def test_what_is_no_archive_is_called_that(content, tmp_path):
    path = tmp_path / "data.zip"
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=r"data\.zip is "):
        opened(path).__enter__()


@pytest.mark.parametrize("missing", [1, 8, 100])
def test_a_tar_of_which_only_the_end_is_missing_is_refused(missing):
    packed = tar(("a.bin", random.Random(0).randbytes(5000)))
    with pytest.raises(ArchiveError, match="cut short or damaged"):
        opened(packed[:-missing]).__enter__()


def test_what_goes_wrong_in_the_readers_own_code_is_not_called_damage():
    with pytest.raises(ValueError, match="mine"), opened(zipped(("a", b""))):
        raise ValueError("mine")


@both
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_bytes_are_read_or_refused_calmly(pack, data):
    packed = bytearray(pack(("a/1.txt", b"one" * 50), ("b.txt", b"two")))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(2, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        with opened(bytes(packed)) as archive:
            found = dict(archive.read(archive.names))
    except ArchiveError:
        found = {}
    assert all(isinstance(content, bytes) for content in found.values())
