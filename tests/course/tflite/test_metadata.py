"""metadata: written so that the official reader finds it, read without trusting it."""

import io
import zipfile

import flatbuffers
import numpy as np
import pytest

from course.tflite import ModelError, Runner, metadata
from course.tflite.inspect import inspect
from tests.models import NAMES, needs_micro

WORDS = {
    "name": "Quarters",
    "description": "Says which quarter of a picture is bright – für alle.",
    "labels": NAMES,
    "input_name": "picture",
    "input_mean": 127.5,
    "input_std": [127.5],
    "version": "1.2",
    "author": "a learner",
    "license": "MIT",
}


@pytest.fixture(scope="module")
def described(zoo):
    return metadata.write(zoo.files["board"], **WORDS)


def test_what_was_written_is_read_again(described):
    found = metadata.read(described)
    assert (found.name, found.description) == (WORDS["name"], WORDS["description"])
    assert (found.version, found.author, found.license) == ("1.2", "a learner", "MIT")
    assert found.labels == NAMES
    assert found.inputs[0].name == "picture"
    assert (found.inputs[0].mean, found.inputs[0].std) == ((127.5,), (127.5,))
    assert found.files == {"labels.txt": "\n".join(NAMES).encode()}


def test_a_model_without_a_description_says_nothing(zoo):
    assert metadata.read(zoo.files["board"]) == metadata.Metadata()


@pytest.mark.parametrize(
    "engine", ["litert", "reference", pytest.param("micro", marks=needs_micro)]
)
@pytest.mark.parametrize("name", ["board", "float"])
def test_the_described_model_answers_as_before(zoo, engine, name):
    plain = zoo.files[name]
    data = metadata.write(plain, **WORDS)
    examples = zoo.hidden[0][:20]
    with Runner(plain, engine=engine) as before, Runner(data, engine=engine) as after:
        assert (before.predict(examples) == after.predict(examples)).all()


def test_every_constant_stays_as_it_is_and_as_it_was_aligned(zoo, described):
    before, after = inspect(zoo.files["board"]), inspect(described)
    assert before.parts["weights"] == after.parts["weights"]
    moved = {each.index: each for each in after.buffers}
    for each in before.buffers:
        other = moved[each.index]
        assert other.bytes == each.bytes
        assert other.start % 16 == each.start % 16
        old = zoo.files["board"][each.start : each.start + each.bytes]
        assert described[other.start : other.start + other.bytes] == old


def test_the_same_words_give_the_same_bytes(zoo, described):
    assert metadata.write(zoo.files["board"], **WORDS) == described


def test_new_words_replace_the_old_ones_without_a_trace(zoo, described):
    anew = metadata.write(described, name="Other")
    assert anew == metadata.write(zoo.files["board"], name="Other")
    assert metadata.read(anew).labels == ()
    assert b"Quarters" not in anew


def test_other_metadata_of_the_file_are_kept(zoo, described):
    from ai_edge_litert import schema_py_generated as schema

    def names(data):
        model = schema.Model.GetRootAsModel(data, 0)
        return [model.Metadata(at).Name() for at in range(model.MetadataLength())]

    assert names(described) == [*names(zoo.files["board"]), b"TFLITE_METADATA"]


class Fields:
    """A table read by field numbers with flatbuffers alone, as the official reader does."""

    def __init__(self, data, at):
        self.table = flatbuffers.table.Table(data, at)

    def place(self, number):
        offset = self.table.Offset(4 + 2 * number)
        return offset and offset + self.table.Pos

    def text(self, number):
        return self.table.String(self.place(number)).decode()

    def child(self, number):
        return Fields(self.table.Bytes, self.table.Indirect(self.place(number)))

    def children(self, number):
        offset = self.table.Offset(4 + 2 * number)
        start, count = self.table.Vector(offset), self.table.VectorLen(offset)
        return [
            Fields(self.table.Bytes, self.table.Indirect(start + 4 * at)) for at in range(count)
        ]

    def floats(self, number):
        offset = self.table.Offset(4 + 2 * number)
        return self.table.GetVectorAsNumpy(flatbuffers.number_types.Float32Flags, offset)

    def small(self, number):
        return self.table.Get(flatbuffers.number_types.Int8Flags, self.place(number))


def test_the_tables_lie_as_the_official_schema_has_them(described):
    """Field numbers of metadata_schema.fbs 1.1.0; tflite-support 0.4.4 read such a file."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAsModel(described, 0)
    entry = model.Metadata(model.MetadataLength() - 1)
    blob = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    assert blob[4:8] == b"M001"
    root = Fields(blob, int.from_bytes(blob[:4], "little"))
    assert (root.text(0), root.text(4), root.text(5)) == ("Quarters", "a learner", "MIT")
    assert root.text(7) == "1.0.0"  # min_parser_version
    (graph,) = root.children(3)
    (given,) = graph.children(2)
    (made,) = graph.children(3)
    (unit,) = given.children(4)
    assert unit.small(0) == 1  # NormalizationOptions
    assert unit.child(1).floats(0).tolist() == unit.child(1).floats(1).tolist() == [127.5]
    assert given.child(3).small(0) == 1  # FeatureProperties
    (labels,) = made.children(6)
    assert (labels.text(0), labels.small(2)) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS
    with zipfile.ZipFile(io.BytesIO(described)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["labels.txt"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": ""}, "Give the model a name"),
        ({"name": 3}, "name must be a text"),
        ({"name": "n", "labels": ["a"]}, "1 labels, and the model's output has 4"),
        ({"name": "n", "labels": "abcd"}, "not one text"),
        ({"name": "n", "labels": ["a", "b", "c", "d\ne"]}, "on one line"),
        ({"name": "n", "input_mean": 1}, "both input_mean and input_std"),
        ({"name": "n", "input_mean": [1, 2], "input_std": 1}, "1 channels"),
        ({"name": "n", "input_mean": 0, "input_std": 0}, "above 0"),
        ({"name": "n", "input_mean": np.nan, "input_std": 1}, "must be a number"),
        ({"name": "n", "input_mean": "a", "input_std": 1}, "must be a number"),
    ],
)
def test_words_that_do_not_fit_get_a_sentence(zoo, options, words):
    with pytest.raises(ModelError, match=words):
        metadata.write(zoo.files["board"], **options)


def test_a_damaged_file_gets_a_sentence(zoo):
    with pytest.raises(ModelError, match="damaged"):
        metadata.write(zoo.files["board"][:900], name="n")
