"""Nobody imports upward: the floors of the house, and the doors that stay shut."""

import ast
import re

import pytest

from course.doctor import ROOT

#: What each package may import of the others. `course.cli` and the bootstrap stand on the roof.
FLOORS = {
    "course": {"course"},
    "autograder": {"autograder", "course"},
    "hardware_kits": {"hardware_kits"},
    "modules": {"autograder", "course", "hardware_kits"},
    "labs": {"autograder", "course", "hardware_kits"},
    "tests": {"autograder", "course", "hardware_kits", "tests"},
}
ROOF = {"course/__main__.py", "course/cli.py"}
ROOMS = set(FLOORS) - {"tests"}
HOUSE = sorted(path for room in FLOORS for path in (ROOT / room).rglob("*.py"))


def name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(params=HOUSE, ids=name, scope="module")
def file(request):
    return request.param


@pytest.fixture(scope="module")
def tree(file):
    return ast.parse(file.read_text("utf-8"), str(file))


def imported(tree, path):
    """Full names of what a file imports; a relative import is spelled out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            base = ".".join([*package, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def test_imports_point_down(file, tree):
    room = file.relative_to(ROOT).parts[0]
    allowed = FLOORS[room] | (ROOMS if name(file) in ROOF else set())
    used = {full.split(".")[0] for full in imported(tree, file)} & set(FLOORS)
    assert used <= allowed


def test_notebooks_are_imported_by_nobody(file, tree):
    notebooks = {path.stem for room in ("modules", "labs") for path in (ROOT / room).glob("*/*.py")}
    notebooks -= {"checks", "__init__"}
    for full in imported(tree, file):
        parts = full.split(".")
        assert not (parts[0] in ("modules", "labs") and notebooks.intersection(parts))


def test_names_are_imported_one_by_one(tree):
    stars = [node for node in ast.walk(tree) if isinstance(node, ast.alias) and node.name == "*"]
    assert stars == []


def test_search_path_of_imports_is_left_alone(tree):
    for node in ast.walk(tree):
        assert ast.unparse(node) != "sys.path" if isinstance(node, ast.Attribute) else True


def test_globals_are_left_alone(tree):
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert not [call for call in calls if ast.unparse(call.func) == "globals"]


def test_messages_and_prose_do_not_shout(file, tree):
    """House style: full sentences, no exclamation marks."""
    shouting = re.compile(r"[A-Za-z]!(\s|$)")
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert [text for text in texts if shouting.search(text)] == []


def test_every_room_that_stands_is_looked_at():
    assert {"course", "autograder"} <= {path.relative_to(ROOT).parts[0] for path in HOUSE}
