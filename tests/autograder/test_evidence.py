"""Evidence: plain values survive their files, and hostile files are answered with a sentence."""

import contextlib
import io
import json
import math
import os
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from autograder import evidence
from autograder.evidence import (
    Calls,
    Evidence,
    EvidenceError,
    Folder,
    Model,
    Quiz,
    Raised,
    Value,
    describe,
    load,
    plain,
    printable,
    save,
)

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
          "float16", "float32", "float64"]  # fmt: skip

needs_posix = pytest.mark.skipif(
    os.name != "posix", reason="Pipes, links and sparse files of POSIX."
)


def same(first, second):
    """Equality that minds types and takes NaN for NaN."""
    if isinstance(first, np.ndarray):
        return (
            isinstance(second, np.ndarray)
            and first.dtype == second.dtype
            and np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
        )
    if type(first) is not type(second):
        return False
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, dict):
        return list(first) == list(second) and all(map(same, first.values(), second.values()))
    if isinstance(first, float) and math.isnan(first):
        return math.isnan(second)
    return first == second


texts = st.text(st.characters(), max_size=20)
numbers = st.one_of(st.integers(-(2**256), 2**256), st.floats())
anything = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        numbers,
        texts,
        arrays.arrays(
            st.sampled_from(DTYPES).map(np.dtype),
            arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
        ),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


def refusal_of(call, *arguments):
    with pytest.raises(EvidenceError) as caught:
        call(*arguments)
    return str(caught.value)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A folder that every example of a property writes anew."""
    return tmp_path_factory.mktemp("evidence")


@pytest.fixture
def folder(tmp_path):
    """Whole evidence of a list, a dict and two arrays."""
    value = [
        1,
        -2.5,
        float("nan"),
        "text",
        {"key": None},
        np.arange(6.0).reshape(2, 3),
        np.array(True),
    ]
    save(tmp_path / "good", value)
    return tmp_path / "good"


@pytest.fixture
def forged(tmp_path):
    """Writes evidence by hand."""

    def write(tree, data=b""):
        place = tmp_path / "forged"
        place.mkdir(exist_ok=True)
        text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
        (place / "evidence.json").write_bytes(text)
        (place / "arrays.bin").write_bytes(data)
        return place

    return write


# --- plain values ----------------------------------------------------------------------------


@settings(max_examples=150)
@given(anything)
@example({"dict": [["a", 1]], "raised": {}, "float": "nan", "array": {}})
@example([np.zeros((0, 3), np.int8), np.float16("inf"), "\ud800", ""])
def test_what_is_plain_survives_its_files(scratch, value):
    expected = plain(value)
    save(scratch, expected)
    assert same(load(scratch), expected)


@given(st.lists(st.builds(Raised, texts, texts, st.integers(0, 10**9 - 1)), max_size=4))
def test_what_was_raised_survives_its_files(scratch, results):
    save(scratch, results)
    assert load(scratch) == results


@given(anything)
def test_a_plain_value_is_a_copy_and_plain_again(value):
    once = plain(value)
    assert same(plain(once), once)
    if isinstance(value, (list, dict)):
        assert once is not value
    if isinstance(value, np.ndarray):
        assert not np.shares_memory(once, value)


@pytest.mark.parametrize("name", [*DTYPES, ">f8", ">i4", "<u2"])
def test_every_dtype_arrives_with_its_values(tmp_path, name):
    value = np.array([0, 1, 1, 0], name)
    save(tmp_path / "new", plain(value))
    found = load(tmp_path / "new")
    assert found.dtype == np.dtype(name).newbyteorder("=")
    assert np.array_equal(found, value)


@pytest.mark.parametrize(
    "value",
    [np.arange(6).reshape(2, 3).T, np.arange(10)[::-2], np.asfortranarray(np.eye(3))],
    ids=["transposed", "strided", "column order"],
)
def test_the_layout_of_an_array_does_not_matter(tmp_path, value):
    save(tmp_path / "new", plain(value))
    assert np.array_equal(load(tmp_path / "new"), value)


def test_a_scalar_tensor_stays_one_number():
    class Tensor:
        def __array__(self, dtype=None, copy=None):
            return np.array(2.5)

    assert plain(Tensor()).shape == ()


def test_numpy_scalars_become_python_numbers_and_text():
    values = plain([np.float32(0.5), np.int8(-3), np.bool_(True), np.str_("word")])
    assert values == [0.5, -3, True, "word"]
    assert [type(value) for value in values] == [float, int, bool, str]


def test_an_array_of_words_becomes_a_list():
    assert plain(np.array([["walking"], ["running"]])) == [["walking"], ["running"]]


def test_masks_and_subclasses_are_left_behind():
    assert type(plain(np.ma.array([1, 2], mask=[True, False]))) is np.ndarray


class Loud(str):
    """A text that answers everything with itself a million times over."""

    def __getitem__(self, key):
        return "x" * 10**6

    __str__ = __repr__ = __format__ = lambda self, *_: "x" * 10**6


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "an object"),
        (3j, "a complex"),
        (Loud("walking"), "a Loud"),
        (b"bytes", "a bytes"),
        ({1, 2}, "a set"),
        ((i for i in range(3)), "a generator"),
        (open, "a builtin_function_or_method"),
        (int, "a type"),
        ({1: 2}, "keys are not text"),
        ({Loud("a"): 2}, "keys are not text"),
        (2**256 + 1, "whole number too large"),
        (np.array([None]), "dtype object"),
        (np.array([1j]), "dtype complex128"),
        (np.array(["2020"], "datetime64[D]"), "dtype datetime64"),
        (np.array([b"a"]), "dtype |S1"),
        (np.zeros(2, [("a", int)]), "dtype [('a', '<i8')]"),
        ("x" * (evidence.MAX_TEXT + 1), "too much text"),
        (["x" * 1000] * 3000, "too much text"),
        ({"x" * 1000 + str(i): 0 for i in range(3000)}, "too much text"),
        ([0] * 400_001, "too many values"),
        (
            {chr(9999 + i // 9999) + chr(9999 + i % 9999): 0 for i in range(400_001)},
            "too many values",
        ),
        (np.zeros(9 << 20), "75 MB of arrays"),
        ([np.zeros(5 << 20)] * 2, "84 MB of arrays"),
        (np.broadcast_to(1.0, (10**6, 10**6)), "MB of arrays"),
        (np.broadcast_to("word", (10**6, 10**6)), "MB of arrays"),
        (np.float64, "dtype object"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else type(value).__name__,
)
def test_what_is_not_plain_or_too_large_is_refused_in_words(value, message):
    found = refusal_of(plain, value)
    assert message in found
    assert len(found) < 200


def test_what_holds_itself_is_refused():
    value = []
    value.append(value)
    with pytest.raises(EvidenceError, match="nested too deeply"):
        plain(value)


def test_few_lists_that_stand_for_many_values_are_refused_soon():
    value = [0]
    for _ in range(20):
        value = [value] * 10
    started = time.monotonic()
    with pytest.raises(EvidenceError, match="too many values"):
        plain(value)
    assert time.monotonic() - started < 5


def test_a_view_that_claims_to_be_large_is_refused_before_it_is_copied():
    tracemalloc.start()
    with pytest.raises(EvidenceError):
        plain(np.broadcast_to(1.0, (20_000, 10_000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


# --- words -----------------------------------------------------------------------------------


@given(st.text(st.characters()))
@example("a\x1b]0;title\x07b\u202etxt.exe\ud800\r\n")
def test_printable_text_stays_on_its_line_and_can_be_encoded(text):
    shown = printable(text)
    shown.encode("utf-8")
    assert len(shown.splitlines()) <= 1
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in shown)
    assert printable(shown) == shown


@given(st.text(st.characters(categories=["L", "N", "P", "S", "M"])))
def test_letters_digits_and_signs_of_every_language_are_printable(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing (None)"),
        (True, "True"),
        (3, "3"),
        (10**15, "a very large whole number"),
        (2.5, "2.5"),
        (1 / 3, "0.333333"),
        ("word", "'word'"),
        ("x" * 100, "'" + "x" * 57 + "…'"),
        ([1], "a list of 1 item"),
        ((), "a tuple of 0 items"),
        ({}, "a dict of 0 items"),
        (np.zeros((2, 3)), "an array of shape 2×3, dtype float64"),
        (np.array(1), "an array of shape scalar, dtype int64"),
        (Raised("ValueError", "odd"), "ValueError: odd"),
        (Raised("ValueError", ""), "ValueError"),
        (object(), "an object"),
        (Loud("word"), "a Loud"),
    ],
)
def test_a_value_is_described_in_a_few_words(value, words):
    assert describe(value) == words


# --- exceptions of a learner's ------------------------------------------------------------------


class Mute(Exception):
    def __str__(self):
        raise SystemExit("no")


class Chatty(Exception):
    def __str__(self):
        return Loud("x")


class Masked(type):
    @property
    def __name__(cls):
        raise RuntimeError("no name")


def test_an_exception_that_cannot_be_printed_is_named():
    assert Raised.from_exception(Mute()) == Raised("Mute", "(its message raised SystemExit)")


def test_an_exception_that_says_too_much_is_cut():
    assert len(Raised.from_exception(ValueError("x" * 10**6)).message) == 300
    assert len(Raised.from_exception(Chatty()).message) <= 300
    assert len(Raised.from_exception(type("X" * 1000, (Exception,), {})()).kind) == 60


def test_an_exception_whose_metaclass_hides_its_name_is_named():
    assert Raised.from_exception(Masked("Hidden", (Exception,), {})()).kind == "Hidden"


def raised_by(text, *arguments):
    """What `Calls` keeps of a function that is defined in a cell of its own."""
    names = {}
    exec(compile(text, "<cell>", "exec"), names)
    return Calls().observe(names["f"], [arguments])[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("def f(x):\n    y = 1\n    return y / 0\n", 3),
        ("def g(x):\n    return x / 0\n\ndef f(x):\n    return g(x)\n", 2),
        ("import json\n\ndef f(x):\n    return json.loads('{')\n", 4),
        ("def f():\n    pass\n", 0),
        ("f = int\n", 0),
        ("class f:\n    def __init__(self, x): pass\n    def __array__(self):\n        1 / 0\n", 4),
    ],
    ids=["own", "helper", "library", "signature", "builtin", "result"],
)
def test_the_line_is_one_of_the_learners_cell(text, line):
    found = raised_by(text, "one")
    assert isinstance(found, Raised)
    assert found.line == line


# --- reading what nobody vouches for ------------------------------------------------------------


def read_calmly(folder):
    """Loads, and lets nothing but an `EvidenceError` pass."""
    try:
        return load(folder)
    except EvidenceError as error:
        return error


@settings(max_examples=200)
@given(data=st.data())
def test_flipped_bytes_give_a_value_or_a_sentence(scratch, data):
    save(scratch, [1, {"a": [None, "ü"]}, np.arange(4.0), Raised("E", "m", 3), float("inf")])
    for name in ("evidence.json", "arrays.bin"):
        path = scratch / name
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(0, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.one_of(st.none(), st.integers(0, len(content))))
        path.write_bytes(content[:cut])
    read_calmly(scratch)


words = st.sampled_from(["dict", "array", "float", "raised", "dtype", "shape", "offset", "kind",
                         "message", "line", "nan", "bool", "object", "float64"])  # fmt: skip
leaves = st.one_of(
    st.none(), st.booleans(), words, st.text(max_size=3), st.floats(),
    st.integers(), st.sampled_from([0, 1, -1, 8, 2**31, 2**63, 10**30]),
)  # fmt: skip
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(words, inner, max_size=3),
        st.fixed_dictionaries({"dict": st.lists(st.tuples(inner, inner).map(list), max_size=3)}),
        st.fixed_dictionaries({"raised": st.dictionaries(words, inner, max_size=3)}),
        st.fixed_dictionaries(
            {"array": st.fixed_dictionaries({"dtype": inner, "shape": inner, "offset": inner})}
        ),
        st.fixed_dictionaries(
            {
                "array": st.fixed_dictionaries(
                    {
                        "dtype": st.sampled_from(DTYPES),
                        "shape": st.lists(st.sampled_from([0, 1, 2, -1, 2**26, 2**62]), max_size=9),
                        "offset": st.integers(-1, 20),
                    }
                )
            }
        ),
    ),
    max_leaves=15,
)


@settings(max_examples=250)
@given(trees, st.binary(max_size=16))
def test_forged_records_give_a_value_or_a_sentence(scratch, tree, data):
    (scratch / "evidence.json").write_text(json.dumps(tree), "utf-8")
    (scratch / "arrays.bin").write_bytes(data)
    read_calmly(scratch)


def an_array(dtype="int8", shape=(1,), offset=0, **more):
    return {"array": {"dtype": dtype, "shape": shape, "offset": offset, **more}}


@pytest.mark.parametrize(
    "tree",
    [
        b"",
        b"{",
        b"\xff\xfe\xfd",
        "[1]".encode("utf-16"),
        b"[" * 100_000,
        b'{"dict":' * 50_000,
        b"9" * 5000,
        b"9" * 4000,
        [[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]],
        {"dict": [["a", 1]], "float": "nan"},
        {"dict": [["a", 1, 2]]},
        {"dict": [[["deep"], 1]]},
        {"dict": {"a": 1}},
        {"float": "1.0"},
        {"float": ["nan"]},
        {"pickle": "cos\nsystem"},
        {"raised": {"kind": ["x"], "message": "m", "line": 0}},
        {"raised": {}},
        {},
        an_array("object"),
        an_array("O"),
        an_array(["int8"]),
        an_array(None),
        an_array(shape="1"),
        an_array(shape=[True]),
        an_array(shape=[1.0]),
        an_array(shape=[-1]),
        an_array(shape=[1] * 65),
        an_array(shape=[0, 2**26, 2**26, 2**26, 2**26]),
        an_array(shape=[2**26, 2**26, 2**26]),
        an_array(shape=[9]),
        an_array("float64", [2]),
        an_array(offset=-1),
        an_array(offset=8),
        an_array(offset=2**63),
        an_array(offset=True),
        an_array(offset=None),
    ],
    ids=lambda tree: str(tree)[:50],
)
def test_what_save_does_not_write_is_refused(forged, tree):
    assert isinstance(read_calmly(forged(tree, b"12345678")), EvidenceError)


def test_more_keys_in_an_array_do_no_harm(forged):
    assert load(forged(an_array(extra=[1]), b"\x07")).tolist() == [7]


def test_a_key_that_stands_twice_and_a_bare_nan_do_no_harm(forged):
    assert math.isnan(load(forged(b'{"float": "inf", "float": "nan"}')))
    assert math.isnan(load(forged(b"NaN")))


def test_a_forged_line_number_is_forgotten(forged):
    for line in (-1, True, 1e9, "3", 10**9):
        record = {"raised": {"kind": "E", "message": "m", "line": line}}
        assert load(forged(record)).line == 0


def test_a_forged_bool_is_true_or_false(forged):
    found = load(forged(an_array("bool", [3]), b"\x00\x01\xff"))
    assert found.sum() == 2
    assert found.dtype == bool


def test_arrays_that_share_their_data_cannot_fill_memory(forged):
    folder = forged([an_array(shape=[4 << 20])] * 1000, bytes(4 << 20))
    tracemalloc.start()
    assert isinstance(read_calmly(folder), EvidenceError)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * evidence.MAX_ARRAY_BYTES


@pytest.mark.parametrize("part", ["[],"])
def test_the_largest_text_is_refused_in_little_time(forged, part):
    count = (evidence.MAX_JSON_BYTES - 3) // len(part)
    folder = forged(f"[{part * count}0]".encode())
    started = time.process_time()
    assert "too many values" in str(read_calmly(folder))
    assert time.process_time() - started < 10


def test_evidence_that_is_not_there_says_that_the_cell_did_not_finish(tmp_path, folder):
    assert "did not finish" in str(read_calmly(tmp_path / "nowhere"))
    (folder / "arrays.bin").unlink()
    assert "did not finish" in str(read_calmly(folder))


@needs_posix
@pytest.mark.parametrize("name", ["evidence.json", "arrays.bin"])
def test_a_huge_file_is_refused_unread(folder, name):
    os.truncate(folder / name, 1 << 40)
    assert "the limit is" in str(read_calmly(folder))


@pytest.mark.parametrize("name", ["evidence.json", "arrays.bin"])
def test_a_folder_in_place_of_a_file_is_refused(folder, name):
    (folder / name).unlink()
    (folder / name).mkdir()
    assert "not a regular file" in str(read_calmly(folder))


@needs_posix
@pytest.mark.parametrize("name", ["evidence.json", "arrays.bin"])
def test_a_link_is_refused_even_to_good_evidence(folder, name):
    (folder / name).rename(folder / "real")
    (folder / name).symlink_to(folder / "real")
    assert "not a regular file" in str(read_calmly(folder))


@needs_posix
@pytest.mark.parametrize("name", ["evidence.json", "arrays.bin"])
def test_a_pipe_in_place_of_a_file_does_not_hang(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert "not a regular file" in str(read_calmly(folder))


def test_too_much_is_refused_when_it_is_written(tmp_path):
    with pytest.raises(EvidenceError, match="too large"):
        save(tmp_path / "new", "x" * (evidence.MAX_JSON_BYTES + 1))
    assert not (tmp_path / "new").exists()


# --- manifests --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        Calls(returns=1),
        Value(expect=1),
        Quiz("Secret?", {"a": "1", "b": "2"}, "b", {"a": "No.", "b": "Yes."}),
        Model(max_bytes=7),
        Folder(max_bytes=8),
    ],
    ids=lambda kind: type(kind).__name__,
)
def test_a_manifest_tells_how_to_collect_and_nothing_else(kind):
    record = json.loads(json.dumps(kind.manifest()))
    assert set(record) <= {"kind", "max_bytes"}
    again = Evidence.from_manifest(record)
    assert type(again) is type(kind)
    assert again.manifest() == kind.manifest()


def test_a_quiz_needs_its_answer_and_a_reason_for_every_option():
    with pytest.raises(ValueError, match="its answer among its options"):
        Quiz("?", {"a": "1"}, "b", {"a": "No."})
    with pytest.raises(ValueError, match="a why for each option"):
        Quiz("?", {"a": "1", "b": "2"}, "b", {"b": "Yes."})


# --- functions --------------------------------------------------------------------------------


def test_a_function_that_changes_its_arguments_harms_nobody():
    def greedy(values, nested):
        values[:] = 0
        nested[0].append(9)
        nested.clear()
        return 1

    calls = [(np.ones(3), [[1.0], [2.0]])] * 2
    assert Calls().observe(greedy, calls) == [1, 1]
    assert calls[0][0].sum() == 3
    assert calls[0][1] == [[1.0], [2.0]]


def test_arguments_are_the_same_kinds_while_learning_and_while_graded(tmp_path):
    call = ((1, 2), np.float32(3), np.arange(2), {"a": (4,)})
    save(tmp_path / "inputs", [[plain(item) for item in call]])
    (graded,) = load(tmp_path / "inputs")

    def kinds(*arguments):
        return [type(item).__name__ for item in arguments] + [type(arguments[3]["a"]).__name__]

    assert Calls().observe(kinds, [call]) == Calls().observe(kinds, [tuple(graded)])


def test_what_a_function_raises_is_kept_and_the_rest_is_called():
    results = Calls().observe(lambda x: 1 / x, [(1,), (0,), (2,), (0,), (4,)])
    assert [type(result) for result in results] == [float, Raised, float, Raised, float]


def test_after_three_calls_that_raise_the_rest_is_not_called():
    seen = []
    results = Calls().observe(lambda x: seen.append(x) or 1 / 0, [(n,) for n in range(9)])
    assert seen == [0, 1, 2]
    assert len(results) == 9
    assert {result.kind for result in results} == {"ZeroDivisionError"}


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), RecursionError(), MemoryError()])
def test_no_exception_of_a_function_gets_out(error):
    def fail(x):
        raise error

    (result,) = Calls().observe(fail, [(1,)])
    assert result.kind == type(error).__name__


def test_an_interrupt_gets_out():
    def stop(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Calls().observe(stop, [(1,)])


def test_a_result_that_cannot_be_kept_says_why():
    (result,) = Calls().observe(lambda x: object(), [(1,)])
    assert result == Raised(
        "Unusable result", "The answer is an object, which is not numbers, text or an array."
    )


def test_results_together_are_limited_like_what_the_grader_reads(tmp_path):
    """Or an answer would pass while learning and be refused when it is graded."""
    results = Calls().observe(lambda n: [0] * 1000, [(n,) for n in range(420)])
    kept = [result for result in results if not isinstance(result, Raised)]
    assert 380 < len(kept) < 400
    save(tmp_path / "new", results)
    assert load(tmp_path / "new") == results

    results = Calls().observe(lambda n: np.zeros(1 << 20), [(n,) for n in range(20)])
    assert len([result for result in results if not isinstance(result, Raised)]) == 8
    save(tmp_path / "arrays", results)


def test_what_is_no_function_is_refused_in_words():
    with pytest.raises(EvidenceError, match=r"needs a function, and got 3\."):
        Calls().observe(3, [(1,)])


# --- models -----------------------------------------------------------------------------------

FLATBUFFER = b"\x1c\x00\x00\x00TFL3" + bytes(20)


def collected(tmp_path, kind, answer):
    folder = tmp_path / "evidence"
    kind.collect(answer, None, folder)
    return folder


def archive(**members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return data.getvalue()


@pytest.mark.parametrize("form", [bytes, bytearray])
def test_bytes_of_a_model_are_collected(tmp_path, form):
    model = Model().read(collected(tmp_path, Model(), form(FLATBUFFER)))
    assert model.format == "tflite"
    assert model.bytes == FLATBUFFER


@pytest.mark.parametrize("form", [str, Path])
def test_a_path_of_a_model_is_collected(tmp_path, form):
    (tmp_path / "own.keras").write_bytes(archive(config="{}"))
    model = Model().read(collected(tmp_path, Model(), form(tmp_path / "own.keras")))
    assert model.format == "keras"


def fake_keras(save):
    return type("Sequential", (), {"__module__": "keras.src.models", "save": save})()


def test_a_keras_model_is_saved_and_no_draft_stays(tmp_path):
    model = fake_keras(lambda self, path: Path(path).write_bytes(archive(config="{}")))
    folder = collected(tmp_path, Model(), model)
    assert [path.name for path in folder.iterdir()] == ["model.keras"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "needs a model, and got nothing"),
        (3, "needs a model, and got 3"),
        ("nowhere.tflite", "no model file 'nowhere.tflite'"),
        (".", "no model file '.'"),
        ("a\0b", "no model file"),
        (b"", "neither a .tflite nor a .keras"),
        (b"GIF89a" * 9, "neither a .tflite nor a .keras"),
        (b"PK\x05\x06" + bytes(18), "neither a .tflite nor a .keras"),
        (FLATBUFFER + bytes(2000), "is 0.0 MB, the limit is 0.0 MB"),
    ],
)
def test_what_is_no_model_is_refused_in_words(tmp_path, answer, message):
    with pytest.raises(EvidenceError) as caught:
        collected(tmp_path, Model(max_bytes=1000), answer)
    assert message in str(caught.value)


@needs_posix
def test_a_model_file_that_is_too_large_is_refused_unread(tmp_path):
    path = tmp_path / "large.tflite"
    path.write_bytes(FLATBUFFER)
    os.truncate(path, 1 << 40)
    with pytest.raises(EvidenceError, match="the limit is 33"):
        collected(tmp_path, Model(), path)


@needs_posix
def test_a_pipe_is_no_model_and_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.tflite")
    with pytest.raises(EvidenceError, match="no model file"):
        collected(tmp_path, Model(), tmp_path / "pipe.tflite")


@needs_posix
def test_model_evidence_is_looked_at_again_when_it_is_read(tmp_path):
    kind = Model(max_bytes=1000)
    folder = tmp_path / "evidence"
    folder.mkdir()
    with pytest.raises(EvidenceError, match="did not finish"):
        kind.read(folder)
    (folder / "model.keras").write_bytes(FLATBUFFER)
    with pytest.raises(EvidenceError, match=r"not a \.keras model"):
        kind.read(folder)
    (folder / "model.tflite").write_bytes(FLATBUFFER)
    os.truncate(folder / "model.tflite", 1 << 40)
    with pytest.raises(EvidenceError, match="the limit is"):
        kind.read(folder)


@needs_posix
def test_a_link_in_place_of_a_model_is_refused(tmp_path):
    (tmp_path / "real").write_bytes(FLATBUFFER)
    for target in (tmp_path / "real", tmp_path / "nowhere", Path("/dev/zero")):
        link = tmp_path / "model.tflite"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        with pytest.raises(EvidenceError, match="not a regular file"):
            Model().read(tmp_path)


def test_an_archive_that_unpacks_to_far_too_much_is_refused(tmp_path):
    bomb = archive(**{"model.weights.h5": bytes(5 << 20)})
    assert len(bomb) < 10_000
    folder = collected(tmp_path, Model(max_bytes=1 << 20), bomb)
    with pytest.raises(EvidenceError, match="unpacks to 5 MB"):
        Model(max_bytes=1 << 20).read(folder)


@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_archive_is_read_or_refused(scratch, data):
    content = bytearray(archive(config='{"a": 1}', weights=bytes(50)))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    (scratch / "model.keras").write_bytes(content[: data.draw(st.integers(4, len(content)))])
    with contextlib.suppress(EvidenceError):
        Model().read(scratch)


# --- folders ----------------------------------------------------------------------------------


@pytest.fixture
def app(tmp_path):
    folder = tmp_path / "app"
    (folder / "js" / "deep").mkdir(parents=True)
    (folder / "index.html").write_text("<p>Hello</p>")
    (folder / "js" / "deep" / "app.js").write_text("1;")
    return folder


@pytest.mark.parametrize("form", [str, Path])
def test_a_folder_is_copied_whole(tmp_path, app, form):
    target = Folder().read(collected(tmp_path, Folder(), form(app)))
    assert (target / "index.html").read_text() == "<p>Hello</p>"
    assert (target / "js" / "deep" / "app.js").read_text() == "1;"


def test_an_empty_folder_is_a_folder(tmp_path):
    (tmp_path / "none").mkdir()
    assert list(Folder().read(collected(tmp_path, Folder(), tmp_path / "none")).iterdir()) == []


@pytest.mark.parametrize("answer", [None, 3, "nowhere", b"app", "a\0b"])
def test_what_is_no_folder_is_refused_in_words(tmp_path, answer):
    with pytest.raises(EvidenceError, match="needs the path of a folder"):
        collected(tmp_path, Folder(), answer)


@needs_posix
@pytest.mark.parametrize("target", ["/etc/hostname", "/", "..", "nowhere"])
def test_a_link_in_a_folder_is_refused_when_collected_and_when_read(tmp_path, app, target):
    (app / "js" / "link").symlink_to(target)
    with pytest.raises(EvidenceError, match="holds a link, 'link'"):
        collected(tmp_path, Folder(), app)
    app.rename(tmp_path / "files")
    with pytest.raises(EvidenceError, match="holds a link, 'link'"):
        Folder().read(tmp_path)


@needs_posix
def test_a_folder_of_evidence_that_is_a_link_is_refused(tmp_path, app):
    (tmp_path / "files").symlink_to(app)
    with pytest.raises(EvidenceError, match="did not finish"):
        Folder().read(tmp_path)


@needs_posix
def test_a_pipe_in_a_folder_is_refused(tmp_path, app):
    os.mkfifo(app / "pipe")
    with pytest.raises(EvidenceError, match="'pipe', which is no plain file"):
        collected(tmp_path, Folder(), app)


def test_too_many_files_or_folders_are_refused(tmp_path, app):
    for number in range(501):
        (app / "js" / str(number)).mkdir()
    with pytest.raises(EvidenceError, match="at most 500 files and folders"):
        collected(tmp_path, Folder(), app)


@needs_posix
def test_too_many_bytes_are_refused_uncopied(tmp_path, app):
    os.truncate(app / "index.html", 1 << 40)
    with pytest.raises(EvidenceError, match="and 67 MB"):
        collected(tmp_path, Folder(), app)
    assert not (tmp_path / "evidence").exists()


@needs_posix
def test_a_whole_disk_is_refused_at_once():
    started = time.monotonic()
    with pytest.raises(EvidenceError):
        Folder()._files(Path("/usr"))
    assert time.monotonic() - started < 5
