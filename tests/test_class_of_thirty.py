"""The class that plays a class: the same twice, of every skill, and odd where it says so."""

import json
import os
import statistics
import subprocess
import sys

import pytest

from autograder import cells
from course import syllabus
from tests.class_of_thirty import KINDS, SPECIAL, draw_class, make_class, training_tasks

MODULE = "rules_vs_learning"


@pytest.fixture(scope="module")
def source():
    return cells.read(syllabus.find(MODULE).source)


def by_file(paths):
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in paths}


def test_the_same_arguments_make_the_same_bytes_and_another_seed_does_not(tmp_path):
    first = by_file(make_class(tmp_path / "a", learners=8))
    assert by_file(make_class(tmp_path / "b", learners=8)) == first
    assert by_file(make_class(tmp_path / "c", learners=8, seed=1)) != first


def test_every_learner_has_a_folder_and_every_oddity_is_there_once(tmp_path):
    files = by_file(make_class(tmp_path))
    assert len(files) == len(list(tmp_path.iterdir())) == 30
    assert len([name for name in files if name.endswith("/my homework.ipynb")]) == 1
    assert len([name for name in files if not name.isascii()]) == 1
    assert list(files.values()).count(b"") == 1
    odd = 0
    for data in files.values():
        try:
            assert json.loads(data)["nbformat"] == 4
        except ValueError:
            odd += 1
    assert odd == 2  # the empty one and the one that broke off
    if os.name == "posix":
        assert len([name for name in files if "<script>" in name]) == 1


def test_a_class_holds_every_kind_of_answer_and_nothing_endless_unless_asked(source):
    def kinds(**options):
        drawn = draw_class(source, **options)
        return [answer.kind for learner in drawn for answer in learner.answers.values()]

    assert set(kinds()) == set(KINDS) - {"endless"}
    assert kinds(hostile=True).count("endless") == 1


def test_skill_pays(source):
    drawn = sorted(draw_class(source, learners=200), key=lambda learner: learner.skill)
    solved = [
        sum(answer.kind == "solution" for answer in learner.answers.values()) for learner in drawn
    ]
    assert statistics.mean(solved[-50:]) > statistics.mean(solved[:50]) + 2


def test_a_quick_class_trains_nothing(source):
    assert training_tasks(source) == {"training-set", "recognise"}
    for learner in draw_class(source, quick=True, hostile=True):
        assert {learner.answers[name].kind for name in training_tasks(source)} == {"blank"}


def test_names_stay_different_in_a_large_class(source):
    drawn = draw_class(source, learners=300)
    assert len({learner.name.casefold() for learner in drawn}) == 300
    assert {learner.special for learner in drawn} == {"", *SPECIAL}


def test_a_small_class_is_made_too(tmp_path):
    assert make_class(tmp_path / "none", learners=0) == []
    assert len(make_class(tmp_path / "one", learners=1, hostile=True)) == 1


def test_broken_answers_do_not_loop(source):
    for learner in draw_class(source, learners=200):
        for name, answer in learner.answers.items():
            if answer.kind == "broken":
                assert "while" not in answer.source, name


def test_it_runs_as_a_script(tmp_path):
    script = syllabus.root() / "tests" / "class_of_thirty.py"
    command = [sys.executable, str(script), str(tmp_path / "class"), "--learners", "2", "--quick"]
    said = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    assert len(said.stdout.splitlines()) == 2
    assert said.stderr == ""
