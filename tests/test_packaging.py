"""pyproject.toml, constraints.txt and environment.yml say the same, and say all that is used."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from course import doctor
from course.__main__ import EXTRAS, SUPPORTED_PYTHON

ROOT = doctor.ROOT
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BUILDERS = doctor.build_requirements(ROOT)
OPTIONAL = PROJECT["optional-dependencies"]
BASE = PROJECT["dependencies"]
EVERY_LINE = [*BUILDERS, *BASE, *(line for lines in OPTIONAL.values() for line in lines)]

#: The three systems that the course runs on, as markers see them.
SYSTEMS = [
    {"sys_platform": "linux", "platform_machine": "x86_64", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_machine": "arm64", "os_name": "posix"},
    {"sys_platform": "win32", "platform_machine": "AMD64", "os_name": "nt"},
]

#: Declared though no file of ours imports them, and why.
RUN = {
    "hatchling": "it builds the course",
    "editables": "it maps the editable packages",
    "ipykernel": "it runs the notebooks",
    "ipywidgets": "its JupyterLab extension draws every widget",
    "jupyterlab": "one of the two ways to open a notebook",
    "notebook": "the other one",
    "nbgrader": "nbgrader's view of a module is opened with it",
    "ethos-u-vela": "it compiles models for an NPU, by its own command",
    "ruff": "it keeps the style",
    "tensorflow": "keras computes with it",
    "tflite-micro": "it measures the memory of boards",
}


def pins():
    """Each line of constraints.txt as a requirement."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.lstrip().startswith("#")]


def pinned(name, system, python):
    """The version of a package for one system and Python."""
    where = system | {"python_version": python, "python_full_version": f"{python}.9"}
    where |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    found = [
        pin
        for pin in pins()
        if canonicalize_name(pin.name) == canonicalize_name(name)
        and (pin.marker is None or pin.marker.evaluate(where))
    ]
    assert len(found) == 1, f"{name} has {len(found)} pins for Python {python} on {system}."
    return Version(str(found[0].specifier).removeprefix("=="))


# Versions


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system["sys_platform"])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_every_dependency_has_one_pin_inside_its_range(system, python):
    for line in EVERY_LINE:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(system):
            version = pinned(requirement.name, system, python)
            assert requirement.specifier.contains(version, prereleases=True), line


def test_every_dependency_has_a_lower_and_an_upper_bound():
    for line in EVERY_LINE:
        operators = {specifier.operator for specifier in Requirement(line).specifier}
        assert operators in ({">=", "<"}, {"=="}), line


def test_doctor_understands_every_dependency_as_pip_does():
    for extra in OPTIONAL:
        for requirement in doctor.requirements(ROOT, [extra]):
            assert requirement.allows(str(pinned(requirement.name, SYSTEMS[0], "3.12")))
            assert not requirement.allows("0.0.1")


def test_constraints_pin_exactly_and_name_no_host():
    text = (ROOT / "constraints.txt").read_text("utf-8")
    assert all(re.fullmatch(r"==[^*,]+", str(pin.specifier)) for pin in pins())
    assert all(pin.url is None for pin in pins())
    assert not re.search(r"https?:|file:|://|--(extra-)?index|--find-links|@", text)


def test_constraints_say_how_they_are_compiled():
    first = (ROOT / "constraints.txt").read_text("utf-8").splitlines()[:4]
    assert any("uv pip compile --universal --all-extras" in line for line in first)


def test_python_range_is_the_same_everywhere():
    first, last = (".".join(map(str, version)) for version in SUPPORTED_PYTHON)
    after = f"3.{SUPPORTED_PYTHON[1][1] + 1}"
    assert SpecifierSet(PROJECT["requires-python"]) == SpecifierSet(f">={first},<{after}")
    workflow = (ROOT / ".github/workflows/test.yml").read_text("utf-8")
    pythons = yaml.safe_load(workflow)["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert pythons == [first, last]


def test_conda_environment_installs_the_same():
    recipe = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    assert recipe["name"] == PROJECT["name"]
    conda = [line for line in recipe["dependencies"] if isinstance(line, str)]
    [python] = [line.removeprefix("python=") for line in conda if line.startswith("python=")]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python)
    [pip] = [line["pip"] for line in recipe["dependencies"] if isinstance(line, dict)]
    assert pip == ["-c constraints.txt", "-e ."]


def test_commands_name_extras_that_exist():
    assert {extra for extras in EXTRAS.values() for extra in extras} <= set(OPTIONAL)


def test_continuous_integration_runs_the_same_command_as_a_learner():
    assert (ROOT / ".ci/run").read_text("utf-8").rstrip().endswith("\npython3 -m course test")
    workflow = (ROOT / ".github/workflows/test.yml").read_text("utf-8")
    steps = yaml.safe_load(workflow)["jobs"]["test"]["steps"]
    assert steps[-1]["run"] == "python -m course test"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no executable bit.")
def test_continuous_integration_can_be_started():
    assert os.access(ROOT / ".ci/run", os.X_OK)


# Imports


def imports(path):
    """Top-level names of the packages that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def files(*patterns):
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


TAUGHT = files("course/**/*.py", "autograder/**/*.py", "modules/*/*.py", "labs/*/*.py")
#: What only an instructor runs, with the extra `grading`.
GRADING = files(
    "autograder/gradebook.py",
    "autograder/grading.py",
    "autograder/nbgrader_config.py",
    "autograder/plugins.py",
)
#: What runs only where the extra `npu` is.
NPU = files("course/tflite/_vela.py")
TESTS = files("tests/**/*.py")
OURS = {"autograder", "course", "tests"}


def third_party(paths):
    """Distributions that files import, each with one file that does."""
    distributions = importlib.metadata.packages_distributions()
    found = {}
    for path in paths:
        for name in set(imports(path)) - OURS - set(sys.stdlib_module_names):
            for distribution in distributions.get(name, [name])[:1]:
                found.setdefault(canonicalize_name(distribution), path.relative_to(ROOT).as_posix())
    return found


def declared(*groups):
    return {canonicalize_name(Requirement(line).name) for lines in groups for line in lines}


def test_everything_a_learner_runs_is_declared():
    learned = [path for path in TAUGHT if path not in (*GRADING, *NPU)]
    undeclared = third_party(learned).keys() - declared(BASE)
    assert {name: third_party(learned)[name] for name in undeclared} == {}


def test_everything_that_grades_is_declared():
    undeclared = third_party(GRADING).keys() - declared(BASE, OPTIONAL["grading"])
    assert {name: third_party(GRADING)[name] for name in undeclared} == {}


def test_everything_that_compiles_for_an_npu_is_declared():
    undeclared = third_party(NPU).keys() - declared(BASE, OPTIONAL["npu"])
    assert {name: third_party(NPU)[name] for name in undeclared} == {}


def test_everything_a_test_imports_is_declared():
    undeclared = third_party(TESTS).keys() - declared(BASE, *OPTIONAL.values())
    assert {name: third_party(TESTS)[name] for name in undeclared} == {}


def test_nothing_is_declared_without_a_use():
    used = third_party([*TAUGHT, *TESTS]).keys() | RUN.keys()
    assert declared(EVERY_LINE) - used == set()


# The command


def test_help_needs_nothing_but_python():
    done = subprocess.run(
        [sys.executable, "-S", "-m", "course", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "start" in done.stdout


def test_help_takes_less_time_than_importing_numpy():
    def seconds(*arguments):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=True)
        return time.perf_counter() - began

    def best(*arguments):
        return min(seconds(*arguments) for _ in range(4))

    assert best("-m", "course", "--help") < best("-c", "import numpy")


def test_help_imports_no_third_party_package():
    program = (
        "import sys; from course import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert loaded.isdisjoint({"numpy", "tensorflow", "keras", "matplotlib", "jupyter_server"})


def test_installation_places_what_jupyter_looks_for():
    """Where the course is installed; the bare checkout has nothing to show."""
    try:
        importlib.metadata.version(PROJECT["name"])
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("The course itself is not installed in this environment.")
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    shared = wheel["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    placed = 0
    for source, target in shared.items():
        for path in (ROOT / source).rglob("*"):
            if path.is_file():
                there = Path(sys.prefix, target, path.relative_to(ROOT / source))
                assert there.read_bytes() == path.read_bytes()
                placed += 1
    assert placed >= 2
