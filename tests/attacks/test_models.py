"""Models and folders that harm their reader: mutated, truncated, bombs, links, hidden programs.

The judge opens them in a sandbox; whatever they do there costs their own check alone.
"""

import io
import json
import random
import subprocess
import sys
import zipfile

import pytest

from tests.attacks.firing_range import (
    SITES,
    ZOO_SIZE,
    code,
    notebook,
    notes,
    place,
    points,
    why,
)

pytestmark = pytest.mark.slow

MAKE = """
import sys
import numpy as np, tensorflow as tf, keras
keras.config.disable_interactive_logging()
keras.utils.set_random_seed(1)
given = keras.Input(batch_shape=(1, 2))
hidden = keras.layers.Reshape((2, 1, 1))(given)
hidden = keras.layers.Conv2D(4, (2, 1), padding="same", activation="relu")(hidden)
hidden = keras.layers.Flatten()(hidden)
total = keras.layers.Dense(1, use_bias=False)(given)
nothing = keras.layers.Dense(1, kernel_initializer="zeros")(hidden)
model = keras.Model(given, keras.layers.Add()([total, nothing]))
model.layers[[layer.name for layer in model.layers].index("dense")].set_weights([np.ones((2, 1))])
open(sys.argv[1], "wb").write(tf.lite.TFLiteConverter.from_keras_model(model).convert())

# Keras calls it here too; only where a judge works does it end the process.
run = eval(
    "lambda values: [open('verdicts.jsonl', 'a').write(%r)] and "
    "__import__('os').path.exists('spec.json') and __import__('os')._exit(0) or values[:, :1]"
    % sys.argv[3],
)
keras.Sequential([keras.Input((2,)), keras.layers.Lambda(run)]).save(sys.argv[2])
"""


#: A model's configuration that asks its reader to call a function by name.
NAMED = {
    "module": "builtins",
    "class_name": "function",
    "config": "exec",
    "registered_name": "function",
    "build_config": {},
    "inbound_nodes": [],
}


def zoo(small_course, *animals, pages=()):
    """The zoo's notebook with one model a cage, and folders made by these lines."""
    record = notebook(small_course["zoo"])
    for number, data in enumerate(animals):
        place(record, f"task-cage{number:02d}")["source"] = f"cage{number:02d} = {data!r}"
    for number, text in enumerate(pages):
        name = f"site{number:02d}"
        place(record, f"task-{name}")["source"] = (
            f"import os\nsite = {name!r}\nos.mkdir(site)\n{text}\n{name} = {name!r}"
        )
    return record


def forged_verdicts():
    """Lines that would give every cage its point, were they written by the judge."""
    right = {"points": 1, "findings": [{"title": "Sums", "holds": True}]}
    verdicts = [right | {"check": f"cage{number:02d}"} for number in range(ZOO_SIZE)]
    return "".join(json.dumps(verdict) + "\n" for verdict in verdicts)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A real ``.tflite`` that adds two numbers, and a ``.keras`` with a program in it."""
    folder = tmp_path_factory.mktemp("models")
    tflite, program = folder / "sum.tflite", folder / "program.keras"
    command = [sys.executable, "-c", MAKE, str(tflite), str(program), forged_verdicts()]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return tflite.read_bytes(), program.read_bytes()


def test_a_real_model_adds(the_range, small_course, models):
    record = the_range.hand_in(zoo(small_course, models[0]))
    assert points(record)["cage00"] == 1


NUMBERS = [b"\xff\xff\xff\x7f", b"\xff" * 4, b"\0\0\0\x40", b"\5\0\0\0", b"\1\0\0\0", bytes(4)]


@pytest.mark.parametrize("batch", range(4))
def test_mutated_models_cost_their_own_check_at_most(the_range, small_course, models, batch):
    """A hundred: bits turned, numbers replaced, blocks moved, ends cut off."""
    real, chance = models[0], random.Random(batch)
    animals = [real]
    for number in range(25):
        data = bytearray(real)
        at = 4 * chance.randrange(2, len(data) // 4 - 2)
        if number % 5 == 0:
            data = data[:at]
        elif number % 5 == 1:
            data[at : at + 8] = data[-8:]
        elif number % 5 == 2:
            for _ in range(10):
                data[chance.randrange(8, len(data))] ^= 1 << chance.randrange(8)
        else:  # where offsets, sizes and kinds of operators stand
            data[at : at + 4] = chance.choice(NUMBERS)
        animals.append(bytes(data))
    record = the_range.hand_in(zoo(small_course, *animals))
    assert record["status"] == "graded"
    assert points(record)["cage00"] == 1  # the real one, whatever its neighbours do to the judge
    assert sum(points(record).values()) < 20  # unhurt ones still add, as they must


ODD = [
    "cut short", "eight bytes", "a signature alone", "nothing", "a signature and zeros",
    "signatures", "two megabytes too long", "a zip of zeros", "a bomb", "a name that leads out",
    "a program in a layer", "a program that is named",
]  # fmt: skip


@pytest.fixture(scope="module")
def odd(make_range, small_course, models):
    """The record of a submission whose models are something else."""
    real, program = models
    bomb, out, named = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("config.json", bytes(200 << 20))
    with zipfile.ZipFile(out, "w") as zipped:
        zipped.writestr("../../../../tmp/attack", "x")
        zipped.writestr("config.json", "[" * 100_000)
    with zipfile.ZipFile(io.BytesIO(program)) as old, zipfile.ZipFile(named, "w") as zipped:
        for member in old.namelist():
            zipped.writestr(member, old.read(member))
            if member == "config.json":
                zipped.writestr(member, json.dumps(NAMED))
    animals = [
        real[:100], real[:8], b"TFL3", b"", bytes(4) + b"TFL3" + bytes(100), b"TFL3" * 1000,
        real + bytes(2 << 20), b"PK\x03\x04" + bytes(1000), bomb.getvalue(), out.getvalue(),
        program, named.getvalue(),
    ]  # fmt: skip
    return make_range().hand_in(zoo(small_course, *animals))


@pytest.mark.parametrize("name", ODD)
def test_a_model_that_is_something_else_earns_nothing_and_runs_nothing(odd, name):
    """Keras would unpickle a Lambda layer, and import what a config names."""
    check = f"cage{ODD.index(name):02d}"
    assert points(odd)[check] == 0
    assert len(why(odd, check)) > 40


#: What lies in the folder ``site`` that is handed in.
FOLDERS = {
    "nothing": "pass",
    "a link to a page": "os.symlink('/usr/share/doc', f'{site}/index.html')",
    "a pipe": "os.mkfifo(f'{site}/index.html')",
    "a page that is a folder": "os.mkdir(f'{site}/index.html')",
    "too many files": "[open(f'{site}/{n}', 'w').close() for n in range(600)]",
    "a large file": "open(f'{site}/index.html', 'w').truncate(5 << 20)",
    "a link to itself": "os.symlink('.', f'{site}/again')",
    "folders in folders": "os.makedirs(f'{site}/' + 'a/' * 900)",
}
#: What takes the place of the folder that was handed in.
FORGED = {
    "the folder is a link": "os.symlink('/usr/share', 'files')",
    "the page is a link": "os.mkdir('files'); os.symlink('/etc/hostname', 'files/index.html')",
    "the page is a pipe": "os.mkdir('files'); os.mkfifo('files/index.html')",
    "the page is a socket": (
        "os.mkdir('files'); os.chdir('files')\n"
        "import socket; socket.socket(socket.AF_UNIX).bind('index.html')"
    ),
    "too many forged files": "os.mkdir('files'); [open(f'files/{n}', 'w') for n in range(600)]",
}


@pytest.fixture(scope="module")
def sites(make_range, small_course):
    """The record of a submission with all of these folders."""
    assert len(FOLDERS) + len(FORGED) == SITES
    pages = [*FOLDERS.values(), *["pass"] * len(FORGED)]
    forge = [
        code(
            "import os, shutil\n"
            "os.chdir(os.path.dirname(os.environ['COURSE_EVIDENCE']) + '/graded/set-0')\n"
            f"shutil.rmtree('site{number:02d}'); os.mkdir('site{number:02d}')\n"
            f"os.chdir('site{number:02d}')\n{text}"
        )
        for number, text in enumerate(FORGED.values(), len(FOLDERS))
    ]
    record = make_range().hand_in(zoo(small_course, pages=pages), *forge)
    assert "raised" not in notes(record), "the attacks themselves must work"
    return record


@pytest.mark.parametrize("name", [*FOLDERS, *FORGED])
def test_a_folder_that_is_no_page_earns_nothing(sites, name):
    check = f"site{[*FOLDERS, *FORGED].index(name):02d}"
    assert points(sites)[check] == 0
    assert len(why(sites, check)) > 40


def test_a_folder_with_a_page_earns_its_point(the_range, small_course):
    page = "print('hello', file=open(f'{site}/index.html', 'w'))"
    assert points(the_range.hand_in(zoo(small_course, pages=[page])))["site00"] == 1
