"""Discovery of modules and labs."""

import json
import os

import pytest

from course import syllabus

FACTS = {
    "title": "Rules or learning?",
    "slug": "rules",
    "minutes": 45,
    "headless_seconds": 60,
    "objectives": ["Write rules.", "Train a classifier."],
    "needs": [],
    "builds": ["activity.keras"],
    "checks": [
        {"name": "speed", "points": 3, "title": "By speed"},
        {"name": "quiz", "points": 0.5, "title": "Quiz"},
    ],
}


def write(folder, slug, **facts):
    folder.mkdir(parents=True, exist_ok=True)
    notebook = {"cells": [], "metadata": {"course": FACTS | facts}, "nbformat": 4}
    (folder / f"{slug}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def test_a_module_says_what_its_notebook_says(tmp_path):
    write(tmp_path / "modules" / "01_rules", "rules")
    (module,) = syllabus.modules(root=tmp_path)
    assert (module.number, module.slug, module.title) == (1, "rules", "Rules or learning?")
    assert (module.minutes, module.headless_seconds) == (45, 60)
    assert module.objectives == ("Write rules.", "Train a classifier.")
    assert (module.needs, module.builds) == ((), ("activity.keras",))
    assert module.checks == (
        syllabus.CheckInfo("speed", 3.0, "By speed"),
        syllabus.CheckInfo("quiz", 0.5, "Quiz"),
    )
    assert module.points == 3.5
    assert module.notebook == tmp_path / "modules" / "01_rules" / "rules.ipynb"
    assert module.source == tmp_path / "modules" / "01_rules" / "rules.py"


def test_modules_come_in_the_order_of_their_numbers(tmp_path):
    for name in ("10_flashing", "02_training", "01_rules"):
        write(tmp_path / "modules" / name, name[3:])
    assert [m.slug for m in syllabus.modules(root=tmp_path)] == ["rules", "training", "flashing"]


@pytest.mark.parametrize(
    "content",
    [None, "", "{", "[]", "{}", '{"metadata": {}}', '{"metadata": {"course": {}}}', "\udcff"],
)
def test_a_folder_without_a_readable_notebook_is_left_out(tmp_path, content):
    write(tmp_path / "modules" / "01_rules", "rules")
    unfinished = tmp_path / "modules" / "02_unfinished"
    unfinished.mkdir()
    if content is not None:
        raw = content.encode("utf-8", "surrogateescape")
        (unfinished / "unfinished.ipynb").write_bytes(raw)
    assert [m.slug for m in syllabus.modules(root=tmp_path)] == ["rules"]


def test_folders_and_files_of_other_names_are_no_modules(tmp_path):
    write(tmp_path / "modules" / "drafts", "drafts")
    write(tmp_path / "modules" / "1_rules", "rules")
    write(tmp_path / "modules" / "01_été", "été")
    (tmp_path / "modules" / "README.md").write_text("")
    assert syllabus.modules(root=tmp_path) == ()


def test_a_checkout_without_modules_has_none(tmp_path):
    assert syllabus.modules(root=tmp_path) == syllabus.labs(root=tmp_path) == ()


def test_labs_have_number_zero_and_come_by_slug(tmp_path):
    for slug in ("speech", "gallery"):
        write(tmp_path / "labs" / slug, slug)
    labs = syllabus.labs(root=tmp_path)
    assert [(lab.number, lab.slug) for lab in labs] == [(0, "gallery"), (0, "speech")]


def test_find_knows_modules_and_labs(tmp_path):
    write(tmp_path / "modules" / "01_rules", "rules")
    write(tmp_path / "labs" / "speech", "speech")
    assert syllabus.find("rules", root=tmp_path).number == 1
    assert syllabus.find("speech", root=tmp_path).number == 0


def test_find_lists_what_exists_when_there_is_no_such_slug(tmp_path):
    write(tmp_path / "modules" / "01_rules", "rules")
    with pytest.raises(LookupError, match=r"called 'rule'.*there are: rules\."):
        syllabus.find("rule", root=tmp_path)


def test_a_rewritten_notebook_is_read_again(tmp_path):
    folder = tmp_path / "modules" / "01_rules"
    write(folder, "rules", title="Old")
    assert syllabus.modules(root=tmp_path)[0].title == "Old"
    write(folder, "rules", title="New")
    os.utime(folder / "rules.ipynb", ns=(1, 1))
    assert syllabus.modules(root=tmp_path)[0].title == "New"


def test_the_root_is_the_checkout():
    assert (syllabus.root() / "course" / "syllabus.py").is_file()
