"""What the doctor sees, and what it says to do."""

import json
import os
import shutil
import socket
import subprocess
import sys
from importlib.metadata import version
from types import SimpleNamespace

import pytest

from course import doctor

HERE = f"sys_platform == '{sys.platform}'"
ELSEWHERE = f"sys_platform != '{sys.platform}'"


def checkout(folder, *requirements, extra=()):
    """A folder that asks for these packages."""
    folder.joinpath("pyproject.toml").write_text(
        f"""
[build-system]
requires = ["builder>=1,<2"]

[project]
name = "mini-course"
dependencies = {json.dumps(requirements)}

[project.optional-dependencies]
test = {json.dumps(extra)}
""",
        "utf-8",
    )
    folder.joinpath("constraints.txt").write_text("", "utf-8")
    return folder


@pytest.fixture
def diagnose(monkeypatch):
    """Diagnoses by name; the kernel, which takes seconds to start, has tests of its own."""
    kernel = doctor.Diagnosis("kernel", True, "It was not asked.")
    monkeypatch.setattr(doctor, "_look_at_kernel", lambda seconds: kernel)

    def by_name(root, workspace, **how):
        diagnoses = doctor.diagnose(root=root, workspace=workspace, **how)
        return {diagnosis.name: diagnosis for diagnosis in diagnoses}

    return by_name


# What is needed


@pytest.mark.parametrize(
    ("specifier", "fits", "does_not"),
    [
        (">=2.2,<2.5", ["2.2", "2.2.0", "2.4.6"], ["2.1.9", "2.5", "3.0"]),
        (">=2.9,<3", ["2.9", "2.10.1"], ["2.8.9", "3", "3.0.0"]),
        (">=1.0", ["1.0", "1.0.post1"], ["1.0.dev3", "1.0a1", "1.0rc2"]),
        ("==0.dev20261023182759", ["0.dev20261023182759"], ["0.dev20261023182758", "0"]),
        ("!=1.5,>1", ["1.4", "1.5.1"], ["1.5", "1.0"]),
        ("<=1.2", ["1.2", "1.2+cpu"], ["1.2.1"]),
        ("", ["0.1"], []),
    ],
)
def test_ranges_hold_what_they_say(specifier, fits, does_not):
    requirement = doctor.Requirement("x", specifier)
    assert [v for v in fits + does_not if requirement.allows(v)] == fits


def test_requirements_of_other_platforms_are_left_out(tmp_path):
    root = checkout(
        tmp_path,
        "one>=1,<2",
        f"two >= 2 ; {HERE}",
        f"three>=3; {ELSEWHERE}",
        f"four>=4; {HERE} and platform_machine == 'abacus'",
        extra=["five[more]>=5"],
    )
    assert [str(r) for r in doctor.requirements(root)] == ["one>=1,<2", "two>=2"]
    assert str(doctor.requirements(root, ["test"])[-1]) == "five>=5"


@pytest.mark.parametrize(
    "line", ["one~=1.0", "one==1.*", "one>=1; python_version < '3.12'", "one @ file:///one"]
)
def test_requirements_that_are_not_understood_are_refused(tmp_path, line):
    with pytest.raises(ValueError, match="is n"):
        [r.allows("1.0") for r in doctor.requirements(checkout(tmp_path, line))]


def test_unmet_requirements_come_with_the_version_found(tmp_path):
    root = checkout(tmp_path, "pytest>=1", "pytest>=999", "no-such-package>=1")
    found = [(str(r), v) for r, v in doctor.unmet(root)]
    assert found == [("pytest>=999", version("pytest")), ("no-such-package>=1", None)]


def test_packages_to_expect_follow_the_comments_of_the_constraints(tmp_path):
    root = checkout(tmp_path, "one>=1")
    root.joinpath("constraints.txt").write_text(
        f"""
# compiled
alien==1.0 ; {ELSEWHERE}
    # via one
builder==1.0
    # via -r -
deep==1.0 ; python_full_version >= '3.11'
    # via
    #   other
    #   shared
one==1.0
    # via mini-course (pyproject.toml)
other==1.0
    # via mini-course (pyproject.toml)
shared==1.0
    # via one
""",
        "utf-8",
    )
    assert doctor.pinned_packages(root) == {"builder", "one", "shared", "deep"}


# The environment in .venv


def test_environment_is_absent_where_there_is_none(tmp_path):
    assert doctor.inspect_environment(checkout(tmp_path)).state == "absent"


@pytest.mark.parametrize("content", [None, "", "[]", '{"extras": []}'])
def test_environment_without_its_marker_is_half_installed(tmp_path, content):
    (checkout(tmp_path) / ".venv").mkdir()
    if content is not None:
        (tmp_path / ".venv/on-device.json").write_text(content, "utf-8")
    environment = doctor.inspect_environment(tmp_path)
    assert environment.state == "half"
    assert not environment.ready()


@pytest.fixture
def with_environment(tmp_path):
    """A checkout with an environment that is complete as far as can be seen."""
    root = checkout(tmp_path)
    python = doctor.Environment(root / ".venv", "half").python
    python.parent.mkdir(parents=True)
    if os.name == "nt":
        shutil.copy(sys.executable, python)
    else:
        python.symlink_to(sys.executable)
    python.parent.parent.joinpath("pyvenv.cfg").touch()
    doctor.mark_complete(root, ["test"])
    return root


def test_environment_is_ready_for_what_its_marker_names(with_environment):
    environment = doctor.inspect_environment(with_environment)
    assert environment.ready(["test"])
    assert not environment.ready(["test", "grading"])


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_environment_is_stale_once_requirements_change(with_environment, name):
    with with_environment.joinpath(name).open("a") as file:
        file.write("# changed\n")
    assert doctor.inspect_environment(with_environment).state == "stale"


@pytest.mark.parametrize("lost", ["python", "pyvenv.cfg"])
def test_environment_is_broken_once_its_python_is_gone(with_environment, lost):
    python = doctor.inspect_environment(with_environment).python
    (python if lost == "python" else with_environment / ".venv" / lost).unlink()
    assert doctor.inspect_environment(with_environment).state == "broken"


@pytest.mark.parametrize(
    ("state", "word"),
    [("half", "did not finish"), ("broken", "another Python"), ("stale", "another version")],
)
def test_environment_that_is_not_right_is_explained(tmp_path, state, word):
    diagnosis = doctor._look_at_environment(doctor.Environment(tmp_path / ".venv", state))
    assert not diagnosis.ok
    assert word in diagnosis.found
    assert "python3 -m course start" in diagnosis.mend


# Diagnoses


def test_course_that_is_not_installed_is_one_line_with_one_mend(tmp_path, diagnose):
    root = checkout(tmp_path, "absent-one>=1", "absent-two>=1", "pytest>=1")
    packages = diagnose(root, tmp_path)["packages"]
    assert not packages.ok
    assert "lacks 2 of the 3 packages" in packages.found
    assert packages.mend.startswith("Type python3 -m course start")


@pytest.fixture
def course_is_installed(monkeypatch):
    monkeypatch.setattr(doctor, "_is_installed_from", lambda root: True)


def test_each_package_out_of_range_is_named_with_the_command_that_mends_it(
    tmp_path, diagnose, course_is_installed
):
    root = checkout(tmp_path, "pytest>=1", "hypothesis>=999", "absent-one>=1,<2")
    found = diagnose(root, tmp_path)
    assert "packages" not in found
    assert version("hypothesis") in found["hypothesis"].found
    assert found["absent-one"].found.startswith("It is missing")
    assert '"absent-one>=1,<2"' in found["absent-one"].mend


def test_platform_without_tflite_micro_is_told_calmly(tmp_path, diagnose, course_is_installed):
    found = diagnose(checkout(tmp_path, "pytest>=1"), tmp_path)["tflite-micro"]
    assert found.ok
    assert "estimates" in found.found


def test_little_disk_space_is_measured_against_what_is_still_to_come(
    tmp_path, monkeypatch, diagnose
):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    bare = diagnose(checkout(tmp_path, "absent-one>=1"), tmp_path)["disk space"]
    assert not bare.ok
    assert "1.0 GB free" in bare.found
    assert diagnose(checkout(tmp_path, "pytest>=1"), tmp_path)["disk space"].ok


def test_unsupported_python_is_named(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 2, "final", 0))
    diagnosis = doctor._look_at_python()
    assert not diagnosis.ok
    assert "this is Python 3.10.2" in diagnosis.found
    assert "-m course start" in diagnosis.mend


def test_port_in_use_is_said_with_the_one_taken_instead(tmp_path, diagnose):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = diagnose(checkout(tmp_path), tmp_path, port=port)["port"]
    assert f"Port {port} is in use" in found.found
    assert "--port" in found.mend


def test_no_free_port_at_all_is_something_to_mend(monkeypatch):
    def none_free(first):
        raise OSError("Ports 8888 to 8937 are all in use. Close other Jupyter servers.")

    monkeypatch.setattr("course.start.free_port", none_free)
    diagnosis = doctor._look_at_port(8888)
    assert not diagnosis.ok
    assert diagnosis.mend == "Close other Jupyter servers."


def test_folder_that_is_yet_to_be_made_is_tried_where_it_will_be(tmp_path):
    diagnosis = doctor._look_at_folder("workspace", tmp_path / "new" / "deep", needed=True)
    assert diagnosis.ok
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "mend"), [("workspace", "--workspace"), ("course folder", "Copy the course")]
)
def test_folder_that_cannot_be_written_is_something_to_mend(tmp_path, name, mend):
    # A file stands where the folder should be: no permission opens that, not even root's.
    (tmp_path / "file").touch()
    diagnosis = doctor._look_at_folder(name, tmp_path / "file", needed=True)
    assert not diagnosis.ok
    assert mend in diagnosis.mend


def test_read_only_course_folder_does_no_harm_where_nothing_is_to_be_installed(tmp_path):
    (tmp_path / "file").touch()
    assert doctor._look_at_folder("course folder", tmp_path / "file", needed=False).ok


# The kernel


def kernelspec(folder, monkeypatch, program):
    """Make Jupyter find a kernel called python3 that is started by `program`."""
    spec = folder / "kernels/python3"
    spec.mkdir(parents=True)
    command = [str(program), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.joinpath("kernel.json").write_text(
        json.dumps({"argv": command, "display_name": "Python 3", "language": "python"}), "utf-8"
    )
    monkeypatch.setenv("JUPYTER_PATH", str(folder))
    return spec


def test_kernel_that_works_computes():
    diagnosis = doctor._look_at_kernel(doctor.KERNEL_SECONDS)
    assert diagnosis.ok, diagnosis


def test_kernel_of_a_python_that_is_gone_is_named(tmp_path, monkeypatch):
    spec = kernelspec(tmp_path, monkeypatch, tmp_path / "gone" / "python")
    diagnosis = doctor._look_at_kernel(1.0)
    assert not diagnosis.ok
    assert str(tmp_path / "gone" / "python") in diagnosis.found
    assert str(spec) in diagnosis.mend


@pytest.mark.skipif(os.name == "nt", reason="The stand-in for a Python is a shell script.")
@pytest.mark.parametrize(
    ("script", "word"),
    [
        ("exit 1", "cannot import ipykernel"),
        ('[ "$1" = -I ] && exit 0; sleep 30', "did not compute 1 + 1"),
        ('[ "$1" = -I ] && exit 0; exit 3', "did not compute 1 + 1"),
    ],
)
def test_kernel_that_does_not_answer_is_given_up(tmp_path, monkeypatch, script, word):
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    program.chmod(0o755)
    kernelspec(tmp_path, monkeypatch, program)
    diagnosis = doctor._look_at_kernel(1.0)
    assert not diagnosis.ok
    assert word in diagnosis.found


# The report


def test_report_gives_each_fault_its_mend_and_counts_them():
    text = doctor.report(
        [
            doctor.Diagnosis("Python", True, "Python 3.12.1."),
            doctor.Diagnosis("disk space", False, "0.1 GB free.", "Free some space."),
            doctor.Diagnosis("workspace", False, "It is read-only.", "Choose another."),
        ]
    )
    assert text.splitlines() == [
        "ok    Python: Python 3.12.1.",
        "mend  disk space: 0.1 GB free.",
        "      Free some space.",
        "mend  workspace: It is read-only.",
        "      Choose another.",
        "",
        "2 things to mend.",
    ]


def test_report_of_a_sound_installation_says_so():
    assert doctor.report([]).endswith("Nothing to mend.")


def test_doctor_answers_where_nothing_is_installed(tmp_path):
    """Without site-packages, from the checkout alone."""
    done = subprocess.run(
        [sys.executable, "-S", "-m", "course.cli", "doctor"],
        cwd=doctor.ROOT,
        env=os.environ | {"COURSE_WORKSPACE": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 1
    assert done.stderr == ""
    assert "The course is not installed in this Python" in done.stdout
    assert str(tmp_path) in done.stdout.replace("\n      ", " ")
