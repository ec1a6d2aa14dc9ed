"""Evidence that no check wrote: forged, broken, huge, linked, or alive.

One submission solves every check of the field, then overwrites the evidence of most of them, each
in another way. What was left alone must keep its points, and every forgery lose its own.
"""

import io
import json
import pickle

import numpy as np
import pytest

from autograder import build, cells, isolation
from tests.attacks.firing_range import FIELD_SIZE, code, notebook, notes, points, why

#: What the forgeries below may use: the folder of the check that they attack, emptied.
TOOLS = """
import json, os, pathlib, shutil, socket, struct
import numpy as np
from autograder import evidence

GRADED = pathlib.Path(os.environ["COURSE_EVIDENCE"]).parent / "graded" / "set-0"
INPUTS = pathlib.Path(os.environ["COURSE_INPUTS"])
PICKLE = {pickle!r}
NPY = {npy!r}

def forge(number):
    place = GRADED / f"place{{number:02d}}"
    shutil.rmtree(place)
    place.mkdir()
    os.chdir(place)

def write(tree, data=b""):
    text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    pathlib.Path("evidence.json").write_bytes(text)
    pathlib.Path("arrays.bin").write_bytes(data)

def array(dtype="float64", shape=(3,), offset=0, **more):
    return {{"array": {{"dtype": dtype, "shape": list(shape), "offset": offset, **more}}}}
"""


class Payload:
    """Whoever unpickles this forges every verdict: the judge's file lies in its current folder."""

    def __reduce__(self):
        right = {"points": 1, "findings": [{"title": "Doubles", "holds": True}]}
        verdicts = [right | {"check": f"place{number:02d}"} for number in range(FIELD_SIZE)]
        lines = "".join(json.dumps(verdict) + "\n" for verdict in verdicts)
        return (exec, (f"open('verdicts.jsonl', 'a').write({lines!r}); import os; os._exit(0)",))


#: Each is tried on a check of its own, and earns nothing.
FORGERIES = {
    # numbers that are none of those asked for
    "NaN": "write([array(), array()], np.full(3, np.nan).tobytes())",
    "NaN in JSON": "write(b'[NaN, Infinity]')",
    "the right shape of zeros": "write([array(), array()], bytes(24))",
    "a wrong dtype": "write([array('int8'), array('int8')], bytes(3))",
    "one result too few": "write([array()], bytes(24))",
    "a million results": "write(b'[' + b'0,' * 399_000 + b'0]')",
    "more values than are counted": "write(b'[' + b'[],' * 500_000 + b'0]')",
    "a dict in place of results": 'write({"dict": [["place", 1]]})',
    "full marks in words": 'write({"score": 1, "passed": True, "holds": True})',
    "a huge whole number": "write(b'[' + b'9' * 4000 + b', 1]')",
    "a number too long to read": "write(b'[' + b'9' * 100_000 + b', 1]')",
    "raised, with markup": (
        'write([{"raised": {"kind": "<script>", "message": "\\x1b[2J" * 999, "line": -1}}] * 2)'
    ),
    # arrays that are more than their bytes, or none at all
    "an object array": "write([array('object'), array('O')], bytes(48))",
    "a structured array": "write([array('V8'), array([['a', 'f8']])], bytes(48))",
    "a dtype that runs code": "write([array('__import__(\"os\").abort()')] * 2, bytes(48))",
    "a shape larger than its data": "write([array(shape=(2**20,))] * 2, bytes(24))",
    "a terabyte": "write([array('int8', (2**40,))] * 2)",
    "a shape that overflows": "write([array('float64', (2**32, 2**32))] * 2)",
    "an empty array of impossible shape": "write([array('int8', (2**62, 2**62, 0))] * 2)",
    "a negative shape": "write([array(shape=(-1, -3))] * 2, bytes(24))",
    "a shape of fractions": "write([array(shape=(1.5, 2))] * 2, bytes(24))",
    "sixty dimensions": "write([array('int8', (1,) * 60)] * 2, bytes(1))",
    "a negative offset": "write([array(offset=-24)] * 2, bytes(48))",
    "an offset beyond the end": "write([array(offset=10**30)] * 2, bytes(48))",
    "one array that is counted a thousand times": (
        "write([array('int8', (60 << 20,))] * 2000, bytes(60 << 20))"
    ),
    # what must never be unpickled
    "a pickle for JSON": "write(PICKLE, PICKLE)",
    "a pickle for numbers": "write([array('object', (1,))] * 2, PICKLE)",
    "a .npy file with a pickle": (
        "write([array('object', (1,))] * 2, NPY)\n"
        "for name in ('arrays.npy', 'arrays.npz', 'evidence.npy', 'evidence.pkl', 'model.pt'):\n"
        "    pathlib.Path(name).write_bytes(NPY)"
    ),
    # text that is no JSON, or too much of it
    "nothing": "write(b'')",
    "half of it": "write(b'[[1, 2, 3], [1, 2')",
    "no UTF-8": "write(b'\\xff\\xfe[1]')",
    "deep JSON": "write(b'[' * 1_000_000)",
    "JSON as deep as JSON can be": "write(b'[' * 900 + b']' * 900)",
    "too much JSON": "write(b'[' + b' ' * (17 << 20) + b'0, 0]')",
    "a huge file that holds nothing": (
        "write([array()] * 2)\nos.truncate('arrays.bin', 200 << 20)"
    ),
    # what is no file
    "nothing at all": "pass",
    "a folder": "os.mkdir('evidence.json'); os.mkdir('arrays.bin')",
    "a pipe": "os.mkfifo('evidence.json'); os.mkfifo('arrays.bin')",
    "a pipe behind good JSON": (
        "write([array()] * 2); os.unlink('arrays.bin'); os.mkfifo('arrays.bin')"
    ),
    "a socket": "socket.socket(socket.AF_UNIX).bind('evidence.json')",
    "a link to zeros": (
        "write([array()] * 2); os.unlink('arrays.bin'); os.symlink('/dev/zero', 'arrays.bin')"
    ),
    "a link to itself": "os.symlink('evidence.json', 'evidence.json')",
    "a link to good evidence": "os.symlink(GRADED / 'place01' / 'evidence.json', 'evidence.json')",
    "links to the judge's files": (
        "os.symlink('/proc/self/environ', 'evidence.json')\n"
        "os.symlink('/proc/self/mem', 'arrays.bin')"
    ),
    "a linked folder": (
        "os.chdir('..'); shutil.rmtree('place{number:02d}')\n"
        "os.symlink(GRADED / 'place01', 'place{number:02d}')"
    ),
    "a refusal that is no text": (
        "shutil.copy(GRADED / 'place01' / 'evidence.json', '.'); write([array()] * 2)\n"
        "pathlib.Path('refused.json').write_bytes(b'[' * 5000)"
    ),
}  # fmt: skip
FIRST = 2  # the checks before it are left alone


@pytest.fixture(scope="module")
def forged(make_range, small_course):
    """The record of the submission with all forgeries in it."""
    assert FIRST + len(FORGERIES) <= FIELD_SIZE
    the_range = make_range()
    npy = io.BytesIO()
    np.save(npy, np.array([Payload()], dtype=object), allow_pickle=True)
    tools = code(TOOLS.format(pickle=pickle.dumps(Payload()), npy=npy.getvalue()))
    attacks = [
        code(f"forge({number})\n{text.replace('{number:02d}', f'{number:02d}')}")
        for number, text in enumerate(FORGERIES.values(), FIRST)
    ]
    record = the_range.hand_in(notebook(small_course["field"], "solution"), tools, *attacks)
    assert "raised" not in notes(record), "every forgery itself must work"
    return record


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_earns_nothing_and_is_told(forged, name):
    check = f"place{FIRST + list(FORGERIES).index(name):02d}"
    assert points(forged)[check] == 0
    assert 0 < len(why(forged, check)) < 2000
    assert "The process that reads your answer stopped" not in why(forged, check)


def test_evidence_beside_forgeries_keeps_its_points(forged):
    attacked = {f"place{number:02d}" for number in range(FIRST, FIRST + len(FORGERIES))}
    assert {check for check, score in points(forged).items() if score} == (
        set(points(forged)) - attacked
    )


def test_forged_evidence_earns_what_right_outputs_earn_and_no_more(the_range, small_course):
    """Nobody can tell it from honest work, since it is: right answers on hidden inputs."""
    record = the_range.hand_in(
        notebook(small_course["field"]),
        code(TOOLS.format(pickle=b"", npy=b"")),
        code(
            "for number in (3, 4):\n"
            "    calls = evidence.load(INPUTS / f'place{number:02d}' / 'set-0')\n"
            "    forge(number)\n"
            "    evidence.save(pathlib.Path('.'), [(number - 1) * values for values, in calls])"
        ),
    )
    earned = {check for check, score in points(record).items() if score}
    assert earned == {"place03"}  # twice each number; the next is three times


def test_evidence_of_the_public_inputs_earns_nothing(the_range, small_course):
    checks = build.checks_of(cells.read(small_course["field"]))
    public = [
        [2 * values.tolist()[0] for (values,) in check.draw(0).calls] for check in checks.values()
    ]
    record = the_range.hand_in(
        notebook(small_course["field"]),
        code(TOOLS.format(pickle=b"", npy=b"")),
        code(f"for number, values in enumerate({public!r}):\n    forge(number)\n    write(values)"),
    )
    assert set(points(record).values()) == {0}


REPLACED = {
    "links in a circle": "os.symlink('graded', 'graded')",
    "a link to the inputs": "os.symlink(os.environ['COURSE_INPUTS'], 'graded')",
    "a link to the whole disk": "os.symlink('/', 'graded')",
    "a file": "open('graded', 'w').close()",
    "a pipe": "os.mkfifo('graded')",
    "an inner link in a circle": "os.mkdir('graded'); os.symlink('set-0', 'graded/set-0')",
    "an inner pipe": "os.mkdir('graded'); os.mkfifo('graded/set-0')",
    "an inner link to itself": "os.mkdir('graded'); os.symlink('.', 'graded/set-0')",
    "a closed folder": "os.mkdir('graded'); os.mkdir('graded/set-0'); os.chmod('graded', 0)",
    "nothing": "pass",
}


@pytest.mark.parametrize("text", REPLACED.values(), ids=REPLACED)
def test_an_evidence_folder_that_is_something_else_earns_nothing(attack, text):
    answers = {"size": "choice = 'b'"}
    before = "import os, shutil\nos.chdir(os.path.dirname(os.environ['COURSE_EVIDENCE']))\n"
    record = attack(last=f"{before}shutil.rmtree('graded')\n{text}", answers=answers)
    assert sum(points(record).values()) == 0
    assert record["status"] == "graded"


def test_without_bubblewrap_a_replaced_folder_earns_nothing_either(attack, monkeypatch):
    monkeypatch.setattr(isolation, "bubblewrap", lambda: "")
    record = attack(
        last="import os, shutil\nplace = os.path.dirname(os.environ['COURSE_EVIDENCE'])\n"
        "os.rename(place, place + '-old')\nos.symlink(place + '-old', place)",
        answers={"size": "choice = 'b'"},
    )
    assert sum(points(record).values()) == 0


def test_what_cannot_be_evidence_is_refused_when_it_is_handed_in(the_range, small_course):
    record = notebook(small_course["field"], "solution")
    odd = {
        0: "lambda values: (yield)",
        1: "type('Model', (), {'__reduce__': lambda self: (print, ())})",
        2: "lambda values: np.array([object()] * 3)",
        3: "lambda values: np.zeros(3, dtype=[('a', 'f8')])",
        4: "lambda values: np.lib.stride_tricks.as_strided(np.zeros(1), (2**40,), (0,))",
        5: "lambda values: [2 * values] * 10**6",
        6: "lambda values: __builtins__",
        7: "lambda values, endless=[]: endless.append(endless) or endless",
        8: "lambda values: {1: 2 * values}",
        9: "lambda values: 'x' * (100 << 20)",
        10: "lambda values: 7 ** 100_000",
        11: "lambda values: np.ma.masked_array(2 * values, True).astype(object)",
    }
    for cell in record["cells"]:
        for number, text in odd.items():
            if cell["id"] == f"task-place{number:02d}":
                cell["source"] = f"import numpy as np\nplace{number:02d} = {text}"
    graded = the_range.hand_in(record)
    assert {check for check, score in points(graded).items() if not score} == {
        f"place{number:02d}" for number in odd
    }
