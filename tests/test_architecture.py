"""Nobody imports upward: the floors of the house, and the doors that stay shut."""

import ast
from pathlib import Path

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
NOTEBOOKS = ("labs/", "modules/")
ROOF = {"course/__main__.py", "course/cli.py"}
ROOMS = set(FLOORS) - {"tests"}
HOUSE = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8"), str(path))
    for room in FLOORS
    for path in sorted((ROOT / room).rglob("*.py"))
}


def imported(name):
    """Full names of what a file imports; a relative import is spelled out."""
    for node in ast.walk(HOUSE[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = name.split("/")[: -node.level] if node.level else []
            base = ".".join([*package, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def found(kind, text):
    """Where in the house a piece of code stands, as ``file:line``."""
    return [
        f"{name}:{node.lineno}"
        for name, tree in HOUSE.items()
        for node in ast.walk(tree)
        if isinstance(node, kind) and ast.unparse(node) == text
    ]


def test_imports_point_down():
    upward = {}
    for name in HOUSE:
        room = name.split("/")[0]
        allowed = ROOMS if name in ROOF else FLOORS[room]
        used = {full.split(".")[0] for full in imported(name)} & set(FLOORS)
        if not used <= allowed:
            upward[name] = used - allowed
    assert upward == {}


def test_notebooks_are_imported_by_nobody():
    slugs = {Path(name).stem for name in HOUSE if name.startswith(NOTEBOOKS)}
    slugs -= {"__init__", "checks"}
    importers = {}
    for name in HOUSE:
        for full in imported(name):
            first, *rest = full.split(".")
            if first in slugs or (first in ("labs", "modules") and slugs.intersection(rest)):
                importers[name] = full
    assert importers == {}


def test_names_are_imported_one_by_one():
    assert found(ast.alias, "*") == []


def test_search_path_of_imports_is_left_alone():
    assert found(ast.Attribute, "sys.path") == []


def test_names_are_not_looked_up_by_magic():
    assert found(ast.Call, "globals()") == []


def test_every_room_that_stands_is_looked_at():
    assert {"course", "autograder", "modules", "tests"} <= {name.split("/")[0] for name in HOUSE}
