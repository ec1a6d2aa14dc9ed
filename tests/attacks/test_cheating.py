"""Code that runs beside the checks and wants their points: patched, replaced, rewritten, guessed.

All of it runs in both protections: these attacks touch nothing but their own process.
"""

import hashlib

import pytest

from autograder import build, cells
from autograder.check import PUBLIC_SEED
from tests.attacks.firing_range import ALL, NONE, RIGHT, SEED, notes, points, why

# --- honest work, to compare with -----------------------------------------------------------------


def test_a_blank_notebook_earns_nothing_and_every_check_says_why(attack):
    record = attack()
    assert points(record) == NONE
    assert record["status"] == "graded"


def test_the_solution_earns_everything(attack):
    assert points(attack(answers=RIGHT)) == ALL


@pytest.mark.parametrize("number", [0, 1])
def test_every_planted_wrong_answer_loses_points_and_is_named(attack, small_course, number):
    source = cells.read(small_course["toy"])
    checks = [cell for cell in source.cells if cell.role == "check"]
    wrong = {cell.name: source.wrong_answers(cell.name)[number] for cell in checks}
    record = attack(answers={name: answer.source for name, answer in wrong.items()})
    for verdict, answer in zip(record["verdicts"], wrong.values(), strict=True):
        assert verdict["score"] < verdict["points"]
        said = " ".join(str(finding) for finding in verdict["findings"])
        assert answer.because.lower() in said.lower()


# --- the checker's own code -----------------------------------------------------------------------

PATCHES = {
    "the check is another object": """
class Everything:
    def __getattr__(self, name):
        return lambda answer: print("100 %, all points")
import autograder
autograder.open_checks = lambda slug: Everything()
""",
    "the collector is patched": """
from autograder import notebook
notebook.Collector.__call__ = lambda self, answer: "Full marks."
""",
    "evidence is saved by other code": """
from autograder import evidence
def save(folder, value):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evidence.json").write_text('{"score": 100, "passed": true}')
    (folder / "arrays.bin").write_bytes(b"")
evidence.save = save
""",
    "evidence is observed by other code": """
from autograder import evidence
for kind in evidence.KINDS.values():
    kind.observe = lambda self, answer, calls: True
    kind.read = lambda self, folder: True
""",
    "judge, verdict and requirements are patched": """
import autograder.check as c, autograder.judge as j, autograder.require as r, autograder.expect as e
yes = lambda *given, **named: c.Finding("Done", True)
r.equal = r.close = r.holds = r.at_least = r.at_most = r.accuracy = yes
c.evaluate = j.evaluate = lambda check, *rest: c.Verdict(check.name, check.points, (yes(),))
c.Verdict.fraction = c.Verdict.score = property(lambda self: self.points)
c.Verdict.passed = property(lambda self: True)
c.Finding.__post_init__ = lambda self: object.__setattr__(self, "holds", True)
for kind in (e.Number, e.Array, e.Text, e.Texts):
    kind.normalise = lambda self, value: value
j._judge = lambda check, folder, seed: c.Verdict(check.name, check.points, (yes(),))
""",
    "modules are replaced": """
import sys, types
class Anything(types.ModuleType):
    def __getattr__(self, name):
        return lambda *given, **named: Anything(name)
for name in list(sys.modules):
    if name.split(".")[0] in ("autograder", "course", "numpy", "json"):
        sys.modules[name] = Anything(name)
""",
    "asserts and checks are stripped by an ast transformer": """
import ast
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.copy_location(ast.Pass(), node)
    def visit_Call(self, node):
        if isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "check":
            return ast.copy_location(ast.Constant(True), node)
        return node
get_ipython().ast_transformers.append(Strip())
""",
    "cells are rewritten by an input transformer": """
def rewrite(lines):
    return ["print('3 of 3 points')\\n"] if any("check." in line for line in lines) else lines
get_ipython().input_transformers_post.append(rewrite)
get_ipython().input_transformers_cleanup.append(rewrite)
""",
    "built-in functions always agree": """
import builtins
builtins.all = builtins.any = builtins.isinstance = builtins.callable = lambda *given: True
builtins.sum = builtins.max = builtins.round = lambda *given, **named: 10 ** 6
builtins.type = lambda *given: float
""",
    "numpy always agrees": """
import numpy
numpy.array_equal = numpy.allclose = numpy.isfinite = lambda *given, **named: numpy.True_
numpy.ndarray = object
""",
    "the shell does not run checks": """
shell = get_ipython()
class Done:
    error_before_exec = error_in_exec = None
run = shell.run_cell
shell.run_cell = lambda text, **named: Done() if "check." in text else run(text, **named)
import sys
sys.excepthook = sys.unraisablehook = lambda *given: None
shell.set_custom_exc((BaseException,), lambda *given: None)
""",
    "the environment points elsewhere": """
import os, pathlib
os.environ["COURSE_EVIDENCE"] = "/tmp"
del os.environ["COURSE_INPUTS"]
pathlib.Path.home = pathlib.Path.cwd = classmethod(lambda self: self("/"))
""",
    "code is left for whoever comes later": """
import os, pathlib
mean = "import os; os._exit(0)\\n"
for place in (".", os.path.dirname(os.environ["COURSE_EVIDENCE"]), "/tmp", "/dev/shm"):
    for name in ("numpy.py", "json.py", "sitecustomize.py", "usercustomize.py", "conftest.py",
                 "checks.py", "autograder/__init__.py", "course/__init__.py", "spec.json",
                 "verdicts.jsonl", ".ipython/profile_default/startup/00.py", ".pythonrc.py",
                 ".config/matplotlib/matplotlibrc", "pyproject.toml", "pyvenv.cfg", "x.pth"):
        path = pathlib.Path(place, "left", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(mean)
        path = pathlib.Path(place, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(mean)
""",
}


@pytest.mark.parametrize("text", PATCHES.values(), ids=PATCHES)
def test_a_patched_checker_gives_no_points(attack, bubblewrap, text):
    record = attack(text)
    assert points(record) == NONE
    assert "Cell 1, " not in notes(record), "the attack itself must run"


def test_all_patches_together_give_no_points_without_bubblewrap_either(attack, protection):
    safe = (text for name, text in PATCHES.items() if "whoever comes later" not in name)
    assert points(attack("\n".join(safe))) == NONE


def test_patches_that_do_not_touch_the_evidence_take_no_points_away(attack):
    record = attack(PATCHES["judge, verdict and requirements are patched"], answers=RIGHT)
    assert points(record) == ALL


def test_a_printed_mark_is_only_print(attack, protection):
    record = attack(
        last="""
from IPython.display import HTML, display
display(HTML("<h1>100 of 100 points</h1>"))
print('{"check": "zero_point", "points": 3, "score": 3.0, "findings": []}')
print('{"check": "zero_point", "points": 3}', file=__import__("sys").__stdout__, flush=True)
"""
    )
    assert points(record) == NONE


# --- answers that are not answers -----------------------------------------------------------------

EQUAL_TO_EVERYTHING = """
import numpy
class Every(int):
    __eq__ = __le__ = __ge__ = __lt__ = __gt__ = __contains__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __hash__ = lambda self: 0
    __float__ = lambda self: 2.5
    __index__ = __int__ = lambda self: -128
class EveryText(str):
    __eq__ = lambda self, other: True
    __hash__ = str.__hash__
class EveryArray(numpy.ndarray):
    __eq__ = lambda self, other: True
    __array_ufunc__ = lambda self, ufunc, method, *given, **named: numpy.True_
class Shape:
    shape, dtype, ndim, nbytes = (2,), numpy.dtype(float), 1, 0
    __array__ = lambda self, *given, **named: numpy.array([Every(), Every()], dtype=object)
    __len__ = lambda self: 2
    __iter__ = lambda self: iter((Every(), Every()))
"""


def test_an_object_equal_to_everything_is_no_answer(attack, protection):
    record = attack(
        EQUAL_TO_EVERYTHING,
        answers={
            "zero-point": "zero_point = lambda low, scale: Every()",
            "thresholds": "best = Shape()",
            "size": "choice = EveryText('z')",
        },
    )
    assert points(record) == NONE


def test_an_array_that_always_agrees_is_only_its_numbers(attack):
    record = attack(
        EQUAL_TO_EVERYTHING,
        answers={
            "zero-point": "zero_point = lambda low, scale: numpy.zeros(()).view(EveryArray)",
            "thresholds": "best = numpy.array([9.0, 1.0]).view(EveryArray)",
            "size": "choice = numpy.array(['b']).view(EveryArray)",
        },
    )
    assert points(record) == NONE


def test_an_exception_class_that_lies_about_itself_is_reported_and_earns_nothing(attack):
    record = attack(
        """
class Meta(type):
    __name__ = property(lambda self: "Finding" * 10**6)
class Lie(BaseException, metaclass=Meta):
    def __str__(self):
        raise SystemExit(0)
    __repr__ = __str__
""",
        answers={"zero-point": "def zero_point(low, scale):\n    raise Lie"},
    )
    assert points(record) == NONE
    assert "Lie" in why(record, "zero_point")


# --- hidden inputs --------------------------------------------------------------------------------


@pytest.fixture
def public(small_course):
    """The inputs that everybody knows."""
    check = build.checks_of(cells.read(small_course["toy"]))["zero_point"]
    return [tuple(call) for call in check.draw(PUBLIC_SEED).calls]


def test_answers_to_the_public_inputs_alone_earn_nothing(attack, public):
    known = {call: round(-128 - call[0] / call[1]) for call in public}
    text = f"known = {known!r}\ndef zero_point(low, scale):\n    return known.get((low, scale), 0)"
    assert points(attack(answers={"zero-point": text})) == NONE


def test_a_function_that_counts_its_calls_earns_nothing(attack, public):
    right = [round(-128 - low / scale) for low, scale in public]
    text = (
        f"right, calls = {right!r} * 100, []\n"
        "def zero_point(low, scale):\n"
        "    calls.append((low, scale))\n"
        "    return right[len(calls) - 1]"
    )
    assert points(attack(answers={"zero-point": text})) == NONE


def test_random_numbers_do_not_betray_the_seed(attack, protection):
    digest = hashlib.sha256(str(SEED).encode()).hexdigest()
    record = attack(
        """
import gc, random, secrets, sys, zlib
import numpy as np
caught = []
real = np.random.default_rng
np.random.default_rng = lambda *given: caught.append(given) or real(*given)
for module in (random, secrets):
    for name in ("seed", "Random", "SystemRandom", "randbits", "token_hex"):
        setattr(module, name, lambda *given, **named: caught.append(given))
""",
        last=[
            """
import os, pathlib
from autograder.evidence import load
given = load(next(pathlib.Path(os.environ["COURSE_INPUTS"], "zero_point").iterdir()))
stream = zlib.crc32(b"zero_point")
for seed in range(3000):  # a seed that somebody might type
    if -real([seed, stream]).uniform(0.1, 3) == given[0][0]:
        caught.append(seed)
# frames, arguments and whatever else is alive in this process
frame = sys._getframe()
while frame:
    caught += [value for value in frame.f_locals.values() if type(value) is int and value > 2**40]
    frame = frame.f_back
everything = gc.get_objects()
caught += [v for each in everything if type(each) in (list, tuple) for v in each
           if type(v) is int and 2**61 < v < 2**63 - 1]
"""
            "from hashlib import sha256\n"
            "hashed = lambda value: sha256(str(value).encode()).hexdigest()\n"
            f"found = [each for each in caught if hashed(each) == {digest!r}]\n"
            "raise Exception(('saw', found))"
        ],
    )
    assert points(record) == NONE
    assert "('saw', [])" in notes(record)


def test_every_seed_and_every_check_has_inputs_of_its_own(small_course):
    checks = build.checks_of(cells.read(small_course["field"]))
    first = [check.draw(SEED).calls[0][0][0] for check in checks.values()]
    assert len(set(first)) == len(first)
    assert checks["place00"].draw(SEED + 1).calls[0][0][0] != first[0]
