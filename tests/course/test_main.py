"""The bootstrap, run for real on a miniature checkout that needs no network."""

import ast
import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

import course.__main__ as bootstrap
from course import doctor

BACKEND = """
import tomllib, zipfile
from pathlib import Path

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    metadata = ["Metadata-Version: 2.1", "Name: mini-course", "Version: 1.0"]
    metadata += ["Requires-Dist: " + line for line in project["dependencies"]]
    for extra, lines in project["optional-dependencies"].items():
        metadata.append("Provides-Extra: " + extra)
        metadata += [f"Requires-Dist: {line}; extra == '{extra}'" for line in lines]
    name = "mini_course-1.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory, name), "w") as wheel:
        info = "mini_course-1.0.dist-info/"
        wheel.writestr("mini_course.pth", str(Path.cwd()) + "\\n")
        wheel.writestr(info + "METADATA", "\\n".join(metadata) + "\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""

CLI = """
import importlib.metadata, json, os, sys, time

def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None

def main(argv=None):
    if argv[:1] == ["wait"]:
        try:
            print("waiting", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            return 7
    facts = {"arguments": argv, "prefix": sys.prefix, "VIRTUAL_ENV": os.environ.get("VIRTUAL_ENV")}
    facts.update({name: version(name) for name in ("mini-dep", "mini-extra")})
    print(json.dumps(facts))
    return 42 if argv[:1] == ["fail"] else 0
"""

#: Enough of the real files to be installed, started and asked.
COPIED = ("__init__.py", "__main__.py", "doctor.py")


class Checkout:
    """A miniature checkout: the real bootstrap, a command that reports where it runs."""

    def __init__(self, folder, wheels):
        self.folder = folder
        self.wheels = wheels
        self.environment = folder / ".venv"
        (folder / "course").mkdir(parents=True)
        (folder / "backend").mkdir()
        for name in COPIED:
            shutil.copy(bootstrap.ROOT / "course" / name, folder / "course" / name)
        (folder / "course/cli.py").write_text(CLI, "utf-8")
        (folder / "backend/mini_backend.py").write_text(BACKEND, "utf-8")
        self.require("mini-dep>=1,<9")

    def require(self, *lines, pins=("mini-dep==1.0", "mini-extra==1.0")):
        (self.folder / "pyproject.toml").write_text(
            f"""
[build-system]
requires = []
build-backend = "mini_backend"
backend-path = ["backend"]

[project]
name = "mini-course"
dependencies = {json.dumps(lines)}

[project.optional-dependencies]
grading = []
npu = []
test = ["mini-extra>=1,<2"]
""",
            "utf-8",
        )
        (self.folder / "constraints.txt").write_text("\n".join(pins) + "\n", "utf-8")

    def variables(self, **more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
        kept |= {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_FIND_LINKS": self.wheels.as_uri(),
            "PIP_NO_INDEX": "1",
            "PYTHONUTF8": "1",
        }
        kept |= more
        return {k: v for k, v in kept.items() if v is not None}

    def start(self, *arguments, python=sys.executable, variables=None, **how):
        """Run a command to its end; `facts` of the answer is what the command printed."""
        done = subprocess.run(
            [python, "-m", "course", *arguments],
            cwd=self.folder,
            env=self.variables(**(variables or {})),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            **how,
        )
        assert "Traceback" not in done.stderr, done.stderr
        facts = json.loads(done.stdout) if done.stdout.startswith("{") else None
        return SimpleNamespace(code=done.returncode, out=done.stdout, said=done.stderr, facts=facts)

    def runs_in_its_environment(self, answer):
        return Path(answer.facts["prefix"]).samefile(self.environment)

    def log(self):
        return (self.environment / "install.log").read_text("utf-8")


def add_wheel(folder, name, version):
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info/"
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{module}.py", "")
        wheel.writestr(
            info + "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"
        )
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(info + "RECORD", "")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    for name, version in [("mini-dep", "1.0"), ("mini-dep", "2.0"), ("mini-extra", "1.0")]:
        add_wheel(folder, name, version)
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory, wheels):
    """A checkout after its first start, in a folder whose name has spaces and an umlaut."""
    checkout = Checkout(tmp_path_factory.mktemp("first") / "Übung für alle", wheels)
    began = time.monotonic()
    answer = checkout.start("start", "--port", "8899")
    return SimpleNamespace(
        checkout=checkout, answer=answer, seconds=time.monotonic() - began, log=checkout.log()
    )


@pytest.fixture
def installed(first):
    """That checkout, complete and up to date whatever the test before did to it."""
    first.checkout.require("mini-dep>=1,<9")
    assert first.checkout.start("start").code == 0
    return first.checkout


@pytest.fixture
def checkout(tmp_path, wheels):
    return Checkout(tmp_path / "checkout", wheels)


def environment_of(checkout):
    return doctor.inspect_environment(checkout.folder.resolve())


posix = pytest.mark.skipif(os.name == "nt", reason="Windows knows no such signals or permissions.")


# The first start and the next


def test_first_start_installs_and_runs_the_command_there(first):
    assert first.answer.code == 0
    assert first.checkout.runs_in_its_environment(first.answer)
    assert first.answer.facts["mini-dep"] == "1.0"
    assert first.answer.facts["mini-extra"] is None


def test_first_start_says_where_it_installs_and_that_it_is_done(first):
    assert str(first.checkout.environment) in first.answer.said
    assert "downloading 1 of 1 packages · mini_dep" in first.answer.said
    assert re.search(r"unpacking \d of 2 packages", first.answer.said)
    assert re.search(r"Installed in \d+ s\.", first.answer.said)


def test_second_start_installs_nothing_and_says_nothing(installed):
    before = installed.log()
    answer = installed.start("start")
    assert (answer.code, answer.said) == (0, "")
    assert installed.runs_in_its_environment(answer)
    assert installed.log() == before


def test_second_start_takes_a_fraction_of_the_first(first, installed):
    def seconds():
        began = time.monotonic()
        installed.start("start")
        return time.monotonic() - began

    # Making an environment takes at least two seconds, and the bound for a start is half a second.
    assert min(seconds() for _ in range(3)) < first.seconds / 4


def test_arguments_arrive_as_they_were_typed(installed):
    typed = ["start", "--workspace", "Mein Ordner/ü", "", "-k", "a or b", "--", "--help"]
    assert installed.start(*typed).facts["arguments"] == typed


def test_exit_code_is_the_one_of_the_command(installed):
    assert installed.start("fail").code == 42


def test_command_finds_the_environment_as_if_it_were_activated(installed):
    answer = installed.start("start", variables={"VIRTUAL_ENV": "/somewhere/else"})
    assert Path(answer.facts["VIRTUAL_ENV"]).samefile(installed.environment)


def test_python_of_the_environment_itself_runs_the_command_in_place(installed):
    python = environment_of(installed).python
    answer = installed.start("start", python=python)
    assert (answer.code, answer.said) == (0, "")


@posix
def test_ctrl_c_reaches_the_command(installed):
    child = subprocess.Popen(
        [sys.executable, "-m", "course", "wait"],
        cwd=installed.folder,
        env=installed.variables(),
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    with child:
        assert child.stdout.readline() == "waiting\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=30) == 7


# What needs no installation


@pytest.mark.parametrize("typed", [["--help"], ["start", "-h"], ["doctor"], []])
def test_explaining_installs_nothing(checkout, typed):
    answer = checkout.start(*typed)
    assert answer.code == 0
    assert answer.facts["arguments"] == typed
    assert not checkout.environment.exists()


def test_environment_that_has_everything_is_used_as_it_is(checkout, tmp_path):
    site = tmp_path / "site"
    for name, version in [("mini-course", "1.0"), ("mini-dep", "1.5")]:
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n", "utf-8")
        origin = {"url": checkout.folder.as_uri(), "dir_info": {"editable": True}}
        (info / "direct_url.json").write_text(json.dumps(origin), "utf-8")
    answer = checkout.start("start", variables={"PYTHONPATH": str(site)})
    assert (answer.code, answer.said) == (0, "")
    assert Path(answer.facts["prefix"]) == Path(sys.prefix)
    assert not checkout.environment.exists()


# What has changed since


def test_extra_of_a_command_is_added_and_kept(installed):
    assert installed.start("test").facts["mini-extra"] == "1.0"
    before = installed.log()
    assert installed.start("start").facts["mini-extra"] == "1.0"
    assert installed.log() == before


def test_changed_pins_are_installed_on_top(installed):
    planted = installed.environment / "planted"
    planted.touch()
    installed.require("mini-dep>=2,<9", pins=["mini-dep==2.0", "mini-extra==1.0"])
    answer = installed.start("start")
    assert "up to date" in answer.said
    assert answer.facts["mini-dep"] == "2.0"
    assert planted.exists()


def test_pins_that_cannot_be_had_leave_the_environment_as_it_was(installed):
    installed.require("mini-dep>=3,<9", pins=["mini-dep==3.0", "mini-extra==1.0"])
    answer = installed.start("start")
    assert (answer.code, answer.facts) == (1, None)
    assert "There is no mini-dep for Python 3." in answer.said

    installed.require("mini-dep>=1,<9")
    answer = installed.start("start")
    assert (answer.facts["mini-dep"], answer.said) == ("1.0", "")


def test_package_without_a_build_is_named(installed):
    installed.require("mini-dep>=1,<9", "mini-absent>=1,<2")
    answer = installed.start("start")
    assert answer.code == 1
    assert "There is no mini-absent for Python 3." in answer.said


def test_shared_files_of_the_course_count_as_a_change(installed):
    pyproject = installed.folder / "pyproject.toml"
    shared = '\n[tool.hatch.build.targets.wheel.shared-data]\n"share" = "share/mini"\n'
    pyproject.write_text(pyproject.read_text("utf-8") + shared, "utf-8")
    (installed.folder / "share").mkdir(exist_ok=True)
    (installed.folder / "share/one.json").write_text("{}", "utf-8")
    doctor.mark_complete(installed.folder, [])
    assert environment_of(installed).state == "ready"
    (installed.folder / "share/one.json").write_text("[]", "utf-8")
    assert environment_of(installed).state == "stale"


def test_environment_of_a_folder_that_was_moved_counts_as_broken(installed, tmp_path):
    moved = installed.folder.rename(tmp_path / "moved")
    try:
        assert doctor.inspect_environment(moved).state == "broken"
    finally:
        moved.rename(installed.folder)
    assert environment_of(installed).state == "ready"


def test_environment_whose_python_is_gone_is_made_anew(installed):
    python = environment_of(installed).python
    python.unlink()
    python.touch()
    answer = installed.start("start")
    assert "starting over" in answer.said
    assert installed.runs_in_its_environment(answer)


# What can go wrong


@posix
def test_interrupted_installation_is_begun_again(checkout):
    child = subprocess.Popen(
        [sys.executable, "-m", "course", "start"],
        cwd=checkout.folder,
        env=checkout.variables(),
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    with child:
        deadline = time.monotonic() + 30
        while not (checkout.environment / "pyvenv.cfg").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(child.pid, signal.SIGINT)
        said = child.communicate(timeout=30)[1]
    assert child.returncode == 130
    assert "Stopped." in said
    assert "Traceback" not in said

    answer = checkout.start("start")
    assert "did not finish: starting over" in answer.said
    assert checkout.runs_in_its_environment(answer)


def test_two_starts_at_once_install_once(checkout):
    command = [sys.executable, "-m", "course", "start"]
    how = {"cwd": checkout.folder, "env": checkout.variables(), "stderr": subprocess.PIPE}
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, **how) for _ in range(2)]
    said = [child.communicate(timeout=300)[1].decode() for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert checkout.log().count("-m venv") == 1
    assert sum("Waiting for it" in words for words in said) == 1


def test_no_network_is_said_and_the_next_start_succeeds(checkout):
    checkout.require("mini-dep>=1,<9", "mini-absent>=1,<2")
    nowhere = {
        "PIP_NO_INDEX": None,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "1",
    }
    answer = checkout.start("start", variables=nowhere)
    assert answer.code == 1
    assert "package index does not answer" in answer.said
    assert str(checkout.environment / "install.log") in answer.said

    checkout.require("mini-dep>=1,<9")
    assert checkout.start("start").facts["mini-dep"] == "1.0"


@posix
def test_read_only_checkout_is_said_and_the_next_start_succeeds(wheels):
    # Not below pytest's own folder, which only its owner may enter.
    with tempfile.TemporaryDirectory() as folder:
        checkout = Checkout(Path(folder) / "checkout", wheels)
        how = {"python": sys.executable}
        if os.geteuid() == 0:
            how = {"python": a_python_for_anyone(), "user": 65534, "group": 65534}
            how["extra_groups"] = []
        Path(folder).chmod(0o755)
        public = Path(folder) / "wheels"
        shutil.copytree(wheels, public)
        public.chmod(0o755)
        checkout.wheels = public
        checkout.folder.chmod(0o555)
        answer = checkout.start("start", **how)
        assert answer.code == 1
        assert "read-only" in answer.said
        assert str(checkout.folder.resolve()) in answer.said

        checkout.folder.chmod(0o777)
        answer = checkout.start("start", **how)
        assert checkout.runs_in_its_environment(answer)
        shutil.rmtree(checkout.environment)


def a_python_for_anyone():
    """A supported Python that a user without rights can run."""
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            asked = subprocess.run(
                [python, "-c", "import sys, ensurepip; print(tuple(sys.version_info[:2]))"],
                user=65534,
                capture_output=True,
                text=True,
            )
            if asked.returncode == 0 and not bootstrap.python_problem(
                ast.literal_eval(asked.stdout), []
            ):
                return python
    pytest.skip("No Python here can be run by a user without rights.")


def test_full_disk_is_said_before_anything_is_made(checkout, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "ROOT", checkout.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    assert bootstrap.main(["start"]) == 1
    said = capsys.readouterr().err
    assert "1.0 GB is free" in said
    assert not checkout.environment.exists()


def test_debian_without_its_venv_package_is_told_which_to_install(
    checkout, monkeypatch, capsys, tmp_path
):
    """Debian's Python has the module venv and makes it end like this."""
    words = "The virtual environment was not created because ensurepip is not\navailable."
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho '{words}'\nexit 1\n", "utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(bootstrap, "ROOT", checkout.folder)
    monkeypatch.setattr(sys, "_base_executable", str(python))
    if os.name == "nt":
        pytest.skip("Windows runs no such script.")
    assert bootstrap.main(["start"]) == 1
    version = "{}.{}".format(*sys.version_info[:2])
    assert f"sudo apt install python{version}-venv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("OSError: [Errno 28] No space left on device: '/tmp/pip'", "The disk is full"),
        (
            "WARNING: Retrying after connection broken by 'SSLError(SSLCertVerificationError(1, "
            "'[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed'))'",
            "certificate was refused",
        ),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(': "
            "Failed to establish a new connection: [Errno -3] Temporary failure in name "
            "resolution')': /simple/x/\nERROR: No matching distribution found for x",
            "does not answer",
        ),
        ("PermissionError: [WinError 5] Access is denied: '.venv'", "read-only or in use"),
        ("one\nERROR: Something that nobody thought of\n", "Something that nobody thought of"),
    ],
)
def test_failures_are_told_apart(words, meaning):
    assert meaning in bootstrap._explain(words)


# Pythons that do not fit


@pytest.mark.parametrize("version", [(3, 10, 14), (3, 14, 0), (2, 7, 18)])
def test_unsupported_python_is_named_with_the_command_to_type(version, monkeypatch):
    monkeypatch.setattr(bootstrap, "_supported_python", lambda: "python3.12")
    problem = bootstrap.python_problem(version, ["start", "--port", "8899"])
    assert ".".join(map(str, version)) in problem
    assert problem.endswith("\n  python3.12 -m course start --port 8899")


def test_unsupported_python_alone_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(bootstrap, "_supported_python", lambda: "")
    assert "Install Python 3.12" in bootstrap.python_problem((3, 9, 1), ["start"])


def test_supported_python_is_not_proposed_because_of_its_name_alone(tmp_path, monkeypatch):
    """A version manager puts python3.12 on PATH whether or not it has one."""
    for minor in (11, 12, 13):
        (tmp_path / f"python3.{minor}").write_text("#!/bin/sh\nexit 127\n", "utf-8")
        (tmp_path / f"python3.{minor}").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bootstrap._supported_python() == ""


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py"])
def test_first_files_read_parse_on_python_3_6(name):
    source = (bootstrap.ROOT / "course" / name).read_text("utf-8")
    ast.parse(source, feature_version=(3, 6))


def test_old_python_answers_with_sentences(checkout):
    found = sorted(Path.home().glob(".pyenv/versions/3.[6-9].*/bin/python"))
    if not found:
        pytest.skip("There is no Python older than 3.10 under ~/.pyenv.")
    for python in found:
        answer = checkout.start("start", python=str(python))
        assert answer.code == 1
        assert answer.said.startswith("The course needs Python 3.11 to 3.13; this is Python 3.")
        assert answer.said.rstrip().endswith("-m course start")


def test_file_started_by_its_path_names_the_command(installed):
    done = subprocess.run(
        [sys.executable, installed.folder / "course", "start"],
        capture_output=True,
        encoding="utf-8",
        env=installed.variables(),
    )
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("python3 -m course start")
    assert len(done.stderr.splitlines()) == 3


# The display


PIP_SAYS = """\
Collecting alpha<2 (from mini)
  Downloading alpha-1.0-py3-none-any.whl.metadata (2 kB)
Collecting beta<2 (from mini)
  Downloading beta-1.0-py3-none-any.whl.metadata (2 kB)
Downloading alpha-1.0-py3-none-any.whl (1.5 MB)
Downloading beta-1.0-cp312-cp312-win_amd64.whl (595.1 MB)
Installing collected packages: alpha, beta
"""


def progress_on(stream, monkeypatch, tmp_path, expected=3):
    monkeypatch.setattr(sys, "stderr", stream)
    return bootstrap._Progress(doctor.Environment(tmp_path, "half"), expected)


def test_terminal_sees_one_line_with_count_name_and_size(monkeypatch, tmp_path):
    screen = io.StringIO()
    screen.isatty = lambda: True
    progress = progress_on(screen, monkeypatch, tmp_path)
    for line in PIP_SAYS.splitlines(keepends=True):
        progress.read(line)
    progress.close()
    text = screen.getvalue()
    assert "\n" not in text
    assert "looking up 2 of 3 packages" in text
    assert "downloading 2 of 3 packages · beta 595.1 MB · 0 s" in text
    assert "unpacking 0 of 2 packages" in text


def test_file_gets_a_plain_line_for_each_stage(monkeypatch, tmp_path):
    screen = io.StringIO()
    progress = progress_on(screen, monkeypatch, tmp_path)
    for line in PIP_SAYS.splitlines(keepends=True):
        progress.read(line)
    progress.close()
    stages = [line.split()[0] for line in screen.getvalue().splitlines()]
    assert stages == ["looking", "downloading", "unpacking"]


def test_environment_counts_as_unfinished_while_it_is_unpacked(monkeypatch, tmp_path):
    progress = progress_on(io.StringIO(), monkeypatch, tmp_path)
    marker = tmp_path / "on-device.json"
    marker.touch()
    before, after = PIP_SAYS.split("Installing")
    progress.read(before)
    assert marker.exists()
    progress.read("Installing" + after)
    assert not marker.exists()
