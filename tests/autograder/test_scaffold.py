"""A new module works from its first minute."""

import shutil

import pytest

from autograder import build, cells, rehearsal, scaffold, submission
from course import syllabus


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A course with this one's first module in it."""
    first = syllabus.modules()[0].folder
    shutil.copytree(first, tmp_path / "modules" / first.name)
    monkeypatch.setattr(syllabus, "_ROOT", tmp_path)
    return tmp_path


def test_a_new_module_passes_what_every_module_must_pass(checkout):
    first = syllabus.modules()[0]
    scaffold.new_module('How loud: is "loud"?', after=first.slug)
    new = syllabus.find("how_loud_is_loud")
    assert (new.number, new.title) == (2, 'How loud: is "loud"?')
    assert new.notebook.read_text("utf-8") == build.text(cells.read(new.source), "learner")
    assert rehearsal.rehearse(new.source, seeds=(1, 2)).problems == ()
    assert submission.grade(new.notebook, seed=3).score == 0


def test_later_modules_move_up_by_one(checkout):
    first = syllabus.modules()[0]
    scaffold.new_module("Third", after=first.slug)
    moved = scaffold.new_module("Second", after=first.slug)
    assert [module.slug for module in syllabus.modules()] == [first.slug, "second", "third"]
    assert checkout / "modules" / "03_third" in moved


@pytest.mark.parametrize("title", ["!", "2 fast", ""])
def test_a_title_without_a_slug_is_refused(checkout, title):
    with pytest.raises(ValueError, match="must begin with a letter"):
        scaffold.new_module(title, after=syllabus.modules()[0].slug)


def test_a_title_that_is_taken_is_refused(checkout):
    first = syllabus.modules()[0]
    with pytest.raises(ValueError, match="already"):
        scaffold.new_module(first.slug.replace("_", " "), after=first.slug)


def test_an_unknown_module_to_follow_is_named(checkout):
    with pytest.raises(LookupError, match="nowhere"):
        scaffold.new_module("Lost", after="nowhere")
