"""Zips that want out of their folder, into memory, or into another learner's place."""

import json
import os
import stat
import struct
import zipfile

import pytest

from autograder import grading
from tests.attacks.firing_range import ALL, NONE, points


@pytest.fixture
def archive(the_range, tmp_path):
    """Writes a zip with these members; returns its path."""

    def make(*members, name="class.zip", compression=zipfile.ZIP_DEFLATED):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", compression) as zipped:
            for member, data in members:
                zipped.writestr(member, data)
        return path

    return make


@pytest.fixture
def honest(solved):
    return ("ada/toy.ipynb", json.dumps(solved))


@pytest.fixture
def collected(the_range):
    """(student, status, reason) of everything in these files, none of it unpacked."""

    def run(*paths):
        before = sorted(os.walk(the_range.folder.parent))
        found = the_range.collect(*paths)
        assert sorted(os.walk(the_range.folder.parent)) == before
        return [(item.student, item.status, item.reason) for item in found]

    return run


ADA = ("ada", "", "")


def test_an_honest_zip_is_graded(the_range, archive, honest):
    (item,) = the_range.collect(archive(honest))
    assert points(the_range.grade(item)) == ALL


@pytest.mark.parametrize(
    "name",
    ["../eve/toy.ipynb", "eve/../../toy.ipynb", "/eve/toy.ipynb", "//eve/toy.ipynb",
     "..\\eve\\toy.ipynb", "eve\\..\\..\\toy.ipynb", "../../../../../../../etc/toy.ipynb"],
)  # fmt: skip
def test_names_that_lead_out_are_refused_and_nothing_is_unpacked(archive, honest, collected, name):
    found = collected(archive(honest, (name, honest[1])))
    assert ADA in found
    (other,) = (item for item in found if item != ADA)
    assert other[1:] == ("unreadable", "Its name in the zip points outside the zip.")


def test_a_drive_letter_is_only_a_name(the_range, archive, honest, collected):
    assert ("C:", "", "") in collected(archive(("C:/eve/toy.ipynb", honest[1])))


def test_links_in_a_zip_are_refused(archive, honest, collected):
    link = zipfile.ZipInfo("eve/toy.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    found = collected(archive(honest, (link, "../../treasure/grader_seed")))
    assert found == [ADA, ("eve", "unreadable", "It is a link, not a notebook.")]


def test_a_zip_in_a_zip_is_not_opened(archive, honest, collected):
    inner = archive(honest, name="inner.zip").read_bytes()
    assert collected(archive(("eve/inner.zip", inner), honest)) == [ADA]
    found = collected(archive(("eve/toy.ipynb", inner), honest))
    assert [item[:2] for item in found] == [ADA[:2], ("eve", "unreadable")]


def test_a_zip_that_is_called_a_notebook_is_no_class_of_others(archive, honest, collected):
    """Else whoever hands in a single file could hand in for somebody else."""
    path = archive(("ada/toy.ipynb", honest[1]), name="toy.ipynb")
    ((student, status, _),) = collected(path)
    assert student != "ada"
    assert status == "unreadable"


def test_a_bomb_that_says_its_size_is_refused_alone(archive, honest, collected):
    found = collected(archive(("eve/toy.ipynb", bytes(300 << 20)), honest))
    assert found[0] == ADA
    assert found[1][:2] == ("eve", "unreadable")
    assert "the limit is 21 MB" in found[1][2]


def test_large_members_of_one_take_no_room_from_others(archive, honest, collected, monkeypatch):
    monkeypatch.setattr(grading, "_MAX_ZIP_BYTES", 30 << 20)
    bombs = [(f"eve/{number}/toy.ipynb", bytes(40 << 20)) for number in range(3)]
    assert ADA in collected(archive(*bombs, ("zoe/toy.ipynb", honest[1]), honest))


def test_a_bomb_that_lies_about_its_size_is_read_no_further(archive, honest, collected):
    path = archive(honest, ("eve/toy.ipynb", bytes(200 << 20)))
    data = path.read_bytes()
    size = struct.pack("<I", 200 << 20)
    assert data.count(size) == 2
    path.write_bytes(data.replace(size, struct.pack("<I", 500)))
    found = collected(path)
    assert found[0] == ADA
    assert found[1][:2] == ("eve", "unreadable")


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bzip2", "lzma"])
def test_compression_that_zipfile_unpacks_in_one_go_is_refused(archive, collected, kind):
    """Whatever it is asked for: twenty megabytes of such a bomb would hold a whole disk."""
    path = archive(("eve/toy.ipynb", bytes(8 << 20)), compression=kind)
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 8 << 20), struct.pack("<I", 500)))
    assert collected(path) == [("eve", "unreadable", "Its compression is not zip's usual one.")]


def test_a_zip_of_thirty_thousand_files_is_refused_alone(archive, honest, collected):
    members = [(f"eve/{number}.ipynb", b"") for number in range(30_000)]
    found = collected(archive(*members, name="eve.zip", compression=zipfile.ZIP_STORED),
                      archive(honest))  # fmt: skip
    assert found == [ADA, ("eve", "unreadable", "It holds 30,000 files, the limit is 20,000.")]


def test_an_encrypted_member_is_refused_alone(archive, honest, collected):
    path = archive(("eve/toy.ipynb", honest[1]), honest)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1  # the flag that says so
    path.write_bytes(data)
    found = collected(path)
    assert found[0] == ADA
    assert found[1][:2] == ("eve", "unreadable")
    assert "password" in found[1][2]


def test_a_damaged_zip_is_rows_not_a_crash(the_range, archive, honest):
    """Whichever bytes of it are damaged, data and directory alike."""
    path = archive(honest, ("eve/toy.ipynb", honest[1]), name="eve.zip")
    whole = path.read_bytes()
    directory = whole.index(b"PK\x01\x02")
    for start in (*range(0, directory, 97), *range(directory, len(whole))):
        data = bytearray(whole)
        for place in range(start, len(data), 101):
            data[place] ^= 0x55
        path.write_bytes(data)
        assert all(not item.status or item.reason for item in the_range.collect(path))


def test_a_truncated_zip_is_no_zip_and_no_crash(archive, honest, collected):
    path = archive(honest, name="eve.zip")
    path.write_bytes(path.read_bytes()[:-10])
    assert [status for _, status, _ in collected(path)] == ["unreadable"]


def test_names_with_odd_letters_stay_names(the_range, archive, blank):
    names = ["eve\n\x1b[2J", "eve\u202egpj", "x" * 300, "=cmd()", "CON", "con\x00/../..", " ", "."]
    data = json.dumps(blank)
    items = the_range.collect(archive(*((f"{name}/toy.ipynb", data) for name in names)))
    for item in items:
        assert item.student.isprintable()
        assert 0 < len(item.student) <= 100
        assert "/" not in item.student
        assert item.student not in (".", "..")
    assert points(the_range.grade(items[0])) == NONE
