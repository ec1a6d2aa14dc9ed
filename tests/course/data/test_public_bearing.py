"""MATLAB's files, built here byte by byte after the published format, and the bearings in them."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.data import public
from course.data.public import mat

DOUBLE, CHARACTERS, INT16 = 6, 4, 10
TYPE = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 9}


def element(kind, data, order="<", *, small=False):
    if small:
        return struct.pack(order + "I", len(data) << 16 | kind) + data.ljust(4, b"\0")
    return struct.pack(order + "2I", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(name, values, *, order="<", stored="f8", kind=DOUBLE, flags=0):
    values = np.asarray(values)
    small_name = len(name) <= 4
    return element(
        14,
        element(6, struct.pack(order + "2I", kind | flags, 0), order)
        + element(5, np.array(values.shape, order + "i4").tobytes(), order)
        + element(1, name.encode(), order, small=small_name)
        + element(TYPE[stored], values.astype(order + stored).tobytes(order="F"), order),
        order,
    )


def file(*elements, order="<"):
    text = b"MATLAB 5.0 MAT-file, Platform: PCWIN, Created on: Mon Jan 31 13:28:20 2000"
    mark = {"<": b"IM", ">": b"MI"}[order]
    return text.ljust(124) + struct.pack(order + "H", 0x0100) + mark + b"".join(elements)


# --- The format -----------------------------------------------------------------------------

TABLE = np.array([[1.5, -2.0, 3.0], [4.0, 5.0, 6e300]])


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_matrix_of_either_byte_order_is_read_column_by_column(order):
    found = mat.arrays(file(matrix("X097_DE_time", TABLE, order=order), order=order))
    assert list(found) == ["X097_DE_time"]
    assert np.array_equal(found["X097_DE_time"], TABLE)
    assert found["X097_DE_time"].dtype == np.float64


def test_a_compressed_matrix_is_read():
    packed = zlib.compress(matrix("X", TABLE))
    content = file(struct.pack("<2I", 15, len(packed)) + packed, matrix("RPM", [[1797.0]]))
    found = mat.arrays(content)
    assert np.array_equal(found["X"], TABLE)
    assert found["RPM"].item() == 1797


@pytest.mark.parametrize("stored", ["u1", "i2", "i4", "f4"])
def test_whole_doubles_that_are_stored_in_fewer_bytes_are_read(stored):
    found = mat.arrays(file(matrix("X", [[1, 2, 100]], stored=stored)))
    assert np.array_equal(found["X"], [[1, 2, 100]])


def test_text_and_complex_numbers_are_passed_over():
    text = matrix("note", [[72, 105]], stored="u2", kind=CHARACTERS)
    complicated = matrix("Z", TABLE, flags=0x0800)
    assert list(mat.arrays(file(text, complicated, matrix("X", TABLE)))) == ["X"]


def test_an_empty_file_has_no_arrays():
    assert mat.arrays(file()) == {}


@pytest.mark.parametrize("compressed", [False, True])
def test_files_written_by_scipy_are_read(compressed):
    scipy_io = pytest.importorskip("scipy.io")
    written = io.BytesIO()
    arrays = {"signal": TABLE, "count": np.int16([[1, 2]]), "RPM": 1797.0, "t": "text"}
    scipy_io.savemat(written, arrays, do_compression=compressed)
    found = mat.arrays(written.getvalue())
    assert set(found) == {"signal", "count", "RPM"}
    assert np.array_equal(found["signal"], TABLE)
    assert np.array_equal(found["count"], [[1, 2]])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not a MATLAB file"),
        (b"MATLAB 5.0", "not a MATLAB file"),
        (bytes(200), "not a MATLAB file"),
        (file().replace(b"\x00\x01IM", b"\x00\x02IM"), "not a MATLAB file"),
        (b"MATLAB 7.3 MAT-file".ljust(512), "7.3"),
        (file(matrix("X", TABLE))[:-9], "it ends at byte"),
        (file(matrix("X", TABLE)) + b"\x0e\x00", "within a tag"),
        (file(element(14, b"")), "incomplete"),
        (file(element(14, element(6, bytes(8)) + element(5, bytes(8)))), "incomplete"),
        (file(struct.pack("<2I", 5 << 16 | 14, 0)), "small element"),
        (file(struct.pack("<2I", 15, 8) + b"nonsense"), "compressed element is damaged"),
        (file(element(15, zlib.compress(matrix("X", TABLE))[:20])), "cut short"),
        (file(matrix("X", TABLE).replace(struct.pack("<2i", 2, 3), bytes(8))), "of the shape"),
    ],
)
def test_a_malformed_file_says_what_is_wrong(content, told):
    with pytest.raises(ValueError, match=told):
        mat.arrays(content)


def test_a_compressed_matrix_that_would_swell_is_refused(monkeypatch):
    packed = zlib.compress(matrix("X", np.zeros((1, 500_000))))
    monkeypatch.setattr(mat, "_MOST_BYTES", 1_000_000)
    with pytest.raises(ValueError, match="too large"):
        mat.arrays(file(struct.pack("<2I", 15, len(packed)) + packed))


@given(at=st.integers(0, 10_000), value=st.integers(0, 255), cut=st.integers(0, 400))
@settings(max_examples=300, deadline=None)
def test_damaged_bytes_are_read_or_refused_calmly(at, value, cut):
    content = bytearray(file(matrix("X", TABLE), element(15, zlib.compress(matrix("Y", TABLE)))))
    content[at % len(content)] = value
    try:
        found = mat.arrays(bytes(content[: len(content) - cut]))
    except ValueError:
        found = {}
    assert all(array.dtype == np.float64 for array in found.values())


# --- The bearings ---------------------------------------------------------------------------


def tone(hz, rate, seconds):
    return np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)


def recording(number, signal):
    return file(
        matrix(f"X{number:03d}_DE_time", signal[:, None]),
        matrix(f"X{number:03d}_FE_time", signal[:, None] * 0),
        matrix(f"X{number:03d}RPM", [[1797.0]]),
    )


@pytest.fixture
def put(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(public.download, "fetch", lambda source, folder: folder / source.filename)

    def put(normal, damaged):
        for place, content in zip(
            public.describe("cwru_bearing").files, (normal, damaged), strict=True
        ):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

    return put


GOOD = (recording(97, tone(1000, 48_000, 5)), recording(105, tone(1000, 12_000, 10)))


def test_bearings_are_windows_at_12_khz_in_ten_stretches(put):
    put(*GOOD)
    data = public.load("cwru_bearing", window=1000)
    assert data.label_names == ("normal", "inner")
    assert np.array_equal(np.bincount(data.labels), [60, 120])
    assert data.examples.shape == (180, 1000)
    assert data.examples.dtype == np.float32
    assert (data.units, data.sample_rate_hz) == ("g", 12_000)
    assert np.array_equal(np.bincount(data.person), [18] * 10)
    train, test = data.split_by_group(0.3)
    assert set(train.labels) == set(test.labels) == {0, 1}


def test_both_recordings_have_one_rate_and_their_tones_their_height(put):
    put(*GOOD)
    for label in ("normal", "inner"):
        window = public.load("cwru_bearing", window=1200).only(label).examples[7]
        spectrum = np.abs(np.fft.rfft(window)) / 600
        assert np.argmax(spectrum) == 100
        assert spectrum[100] == pytest.approx(1, abs=1e-3)


def test_what_12_khz_cannot_hold_is_taken_out_before_readings_are_left_out(put):
    put(recording(97, tone(11_000, 48_000, 5)), GOOD[1])
    normal = public.load("cwru_bearing").only("normal")
    assert np.abs(normal.examples).max() < 1e-6


@pytest.mark.parametrize("window", [10, 100.5, 10_000])
def test_a_window_of_no_use_is_refused(put, window):
    put(*GOOD)
    with pytest.raises(ValueError, match="window must be"):
        public.load("cwru_bearing", window=window)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not a MATLAB file"),
        (GOOD[0][:5000], "it ends at byte 5000"),
        (recording(98, tone(1000, 48_000, 5)), "no X097_DE_time, but X098RPM, X098_DE_time"),
        (recording(97, np.zeros(5)), "does not hold a recording"),
        (recording(97, np.full(48_000, np.nan)), "does not hold a recording"),
        (file(), "no X097_DE_time, but nothing"),
    ],
)
def test_a_malformed_recording_is_named(put, content, told):
    put(content, GOOD[1])
    with pytest.raises(public.ArchiveError, match=told) as caught:
        public.load("cwru_bearing")
    assert str(caught.value).startswith("cwru_bearing_97.mat is cut short or damaged")
