"""The grammar of a notebook source: what it accepts, what it refuses, and with which words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.cells import (
    BEGIN_SOLUTION,
    END_SOLUTION,
    STUB,
    GrammarError,
    headline,
    read,
    with_solution,
    without_solution,
)

HEADER = """\
# ---
# jupyter:
#   course:
#     title: Small
#     slug: small
#     minutes: 5
#     headless_seconds: 5
#     objectives: [One]
#     needs: []
#     builds: []
# ---

"""
TASK = """\
# %% task="one"
x = None
### BEGIN SOLUTION
x = 1
### END SOLUTION

"""
CHECK = '# %% check="one"\ncheck.one(x)\n'


@pytest.fixture
def source(tmp_path):
    def make(body=TASK + CHECK, header=HEADER, name="small.py"):
        path = tmp_path / name
        path.write_text(header + body, "utf-8")
        return path

    return make


def refused(path):
    with pytest.raises(GrammarError) as caught:
        read(path)
    return str(caught.value)


# --- what is accepted -------------------------------------------------------------------------


def test_roles_names_and_reasons_are_read(source):
    wrong = '# %% wrong="one" because="off by one"\nx = 2\n\n'
    cells = read(source("# %% [markdown]\n# Hello\n\n# %%\ny = 3\n\n" + TASK + wrong + CHECK)).cells
    assert [cell.role for cell in cells] == ["prose", "given", "task", "wrong", "check"]
    assert cells[3].name == "one"
    assert cells[3].because == "off by one"


def test_a_check_is_spelled_as_python_spells_it(source):
    body = (TASK + CHECK).replace('"one"', '"zero-point"')
    assert read(source(body)).cells[-1].attribute == "zero_point"


def test_wrong_answers_are_found_by_task_in_order(source):
    wrong = "".join(f'# %% wrong="one" because="{n}"\nx = {n}\n\n' for n in "ab")
    found = read(source(TASK + wrong + CHECK)).wrong_answers("one")
    assert [cell.because for cell in found] == ["a", "b"]


def test_front_matter_is_kept_whole(source):
    course = read(source()).course
    assert course["title"] == "Small"
    assert course["objectives"] == ["One"]


# --- ids --------------------------------------------------------------------------------------


def test_ids_come_from_names_and_texts_alone(source):
    body = "# %%\ny = 3\n\n" + TASK + CHECK
    first = [cell.id for cell in read(source(body)).cells]
    more = [cell.id for cell in read(source("# %%\nz = 4\n\n" + body)).cells]
    assert first[1:] == ["task-one", "check-one"]
    assert more[1:] == first


def test_cells_with_the_same_text_get_different_ids(source):
    ids = [cell.id for cell in read(source("# %%\ny = 3\n\n" * 3 + TASK + CHECK)).cells]
    assert len(set(ids)) == len(ids)
    assert ids[1:3] == [f"{ids[0]}-2", f"{ids[0]}-3"]


def test_ids_are_fit_for_a_notebook(source):
    wrong = '# %% wrong="one" because="Ünïcode: <b>"\nx = 2\n\n'
    for cell in read(source("# %% [markdown]\n# Ü ≠ <b>\n\n" + TASK + wrong + CHECK)).cells:
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell.id)


# --- what is refused --------------------------------------------------------------------------


def test_a_file_that_is_not_text_is_refused(source):
    path = source()
    path.write_bytes(b"# %%\n\xff\xfe\x00")
    assert refused(path).startswith("small.py is not a py:percent notebook: ")


@pytest.mark.parametrize(
    "header",
    ["", "# ---\n# jupyter: [\n# ---\n\n", "# ---\n# jupyter:\n#   course: yes\n# ---\n\n"],
    ids=["none", "not YAML", "not a mapping"],
)
def test_a_header_without_a_course_is_refused(source, header):
    assert "no `jupyter: course:` block" in refused(source(header=header))


@pytest.mark.parametrize(
    "key", ["title", "slug", "minutes", "headless_seconds", "objectives", "needs", "builds"]
)
def test_every_part_of_the_header_is_needed_in_its_type(source, key):
    without = re.sub(rf"#     {key}:.*\n", "", HEADER)
    assert f"`{key}` as a" in refused(source(header=without))
    odd = re.sub(rf"(#     {key}:).*\n", r"\1 {a: 1}" + "\n", HEADER)
    assert f"`{key}` as a" in refused(source(header=odd))


def test_the_slug_is_the_name_of_the_file(source):
    assert "'small' must be the file's name" in refused(source(name="large.py"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('# %% task="one" check="one"\nx = 1\n', "one cell is task and check"),
        ('# %% task="One"\nx = 1\n', 'task="One" is not a kebab-case name'),
        ('# %% task="zero_point"\nx = 1\n', "is not a kebab-case name"),
        ('# %% task="-one"\nx = 1\n', "is not a kebab-case name"),
        ('# %% task="one-"\nx = 1\n', "is not a kebab-case name"),
        ('# %% task="1one"\nx = 1\n', "is not a kebab-case name"),
        ('# %% task=""\nx = 1\n', "is not a kebab-case name"),
        ("# %% task=3\nx = 1\n", "is not a kebab-case name"),
        ('# %% [markdown] task="one"\n# Text\n', "is not a kebab-case name"),
        (TASK + '# %% wrong="one"\nx = 2\n\n' + CHECK, 'because="…" belongs to wrong answers'),
        (TASK + '# %% check="one" because="so"\nx\n', 'because="…" belongs to wrong answers'),
        (f"# %%\n{BEGIN_SOLUTION}\n{END_SOLUTION}\n", "a solution stands outside a task"),
        (TASK + TASK + CHECK, 'task="one" stands twice'),
        (TASK + CHECK + "\n" + CHECK, 'check="one" stands twice'),
        ('# %% task="one"\nx = 1\n\n' + CHECK, 'task="one" has no solution'),
        (CHECK, 'check="one" has no task of that name above it'),
        ('# %% wrong="one" because="so"\nx = 2\n\n' + TASK + CHECK, 'wrong="one" has no task'),
        (TASK + CHECK + '\n# %% wrong="one" because="so"\nx = 2\n', "must stand before its check"),
        (TASK, "no check for task one"),
        (TASK.replace("x = 1\n", f"{BEGIN_SOLUTION}\n") + CHECK, "begins inside another"),
        (TASK.replace(BEGIN_SOLUTION, END_SOLUTION) + CHECK, "ends that never began"),
        (TASK.replace(END_SOLUTION, "") + CHECK, "begins and never ends"),
    ],
)
def test_a_slip_in_the_markers_is_refused_by_name(source, body, message):
    said = refused(source(body))
    assert message in said


def test_a_task_that_does_not_compile_without_its_solution_is_refused(source):
    body = TASK.replace("x = None\n", "def f():\n").replace("x = 1", "    return 1") + CHECK
    body = body.replace(BEGIN_SOLUTION, f"    {BEGIN_SOLUTION}")
    assert "a function needs a docstring" in refused(source(body))


# --- solutions --------------------------------------------------------------------------------


def test_a_stub_stands_where_the_solution_stood():
    begin, end, stub = (f"\n    {mark}" for mark in (BEGIN_SOLUTION, END_SOLUTION, STUB))
    head, body = 'def f(x):\n    """Docs."""', "\n    y = 1\n    return y"
    assert without_solution(head + begin + body + end) == head + stub
    assert with_solution(head + begin + body + end) == head + body


@pytest.mark.parametrize(
    "placeholder", ["x = None", 'x = "?"', "x = '?'", "x = y = None", "x = None  # two numbers"]
)
def test_a_placeholder_needs_no_stub(placeholder):
    text = f"{placeholder}\n{BEGIN_SOLUTION}\nx = 1\n{END_SOLUTION}"
    assert without_solution(text) == placeholder


def test_a_value_that_only_looks_like_a_placeholder_gets_a_stub():
    text = f'x = "What?"\n{BEGIN_SOLUTION}\nx = 1\n{END_SOLUTION}'
    assert without_solution(text) == f'x = "What?"\n{STUB}'


def test_each_of_several_solutions_gets_its_stub_and_the_rest_stays():
    hidden = [f"{BEGIN_SOLUTION}\n{line}\n{END_SOLUTION}" for line in ("b = 2", "d = 4")]
    text = f"a = 1\n{hidden[0]}\nc = 3\n{hidden[1]}\ne = 5"
    assert without_solution(text) == f"a = 1\n{STUB}\nc = 3\n{STUB}\ne = 5"
    assert with_solution(text) == "a = 1\nb = 2\nc = 3\nd = 4\ne = 5"


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3)), max_size=8))
def test_no_line_of_a_solution_survives_and_no_other_line_is_lost(parts):
    lines, secret, public = [], [], []
    for number, (hidden, length) in enumerate(parts):
        own = [f"name_{number}_{line} = {line}" for line in range(length)]
        lines += [BEGIN_SOLUTION, *own, END_SOLUTION] if hidden else own
        (secret if hidden else public).extend(own)
    stubbed = without_solution("\n".join(lines)).splitlines()
    assert [line for line in stubbed if line != STUB] == public
    assert not set(stubbed) & set(secret)
    solved = with_solution("\n".join(lines)).splitlines()
    assert solved == [line for line in lines if line not in (BEGIN_SOLUTION, END_SOLUTION)]


# --- naming a cell in a sentence ----------------------------------------------------------------


def test_a_headline_is_the_first_line_in_quotes():
    assert headline("\n\ndef f(x):\n    return x\n") == "'def f(x):'"


@given(st.text(st.characters()))
def test_a_headline_is_short_and_printable(text):
    line = headline(text)
    assert line.isprintable()
    assert len(line) < 700
