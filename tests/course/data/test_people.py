"""Drawn people: the same everywhere, plainly a toy, and enough to learn from."""

import doctest
import hashlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from course.data import load, people
from course.data.people import LABELS, SIZE, generate

# Of generate(people=2, pictures_per_label=3, seed=11).
FINGERPRINT = "de90ff1ffb25c35d"


def fingerprint(data):
    return hashlib.sha256(data.examples.tobytes()).hexdigest()[:16]


@pytest.fixture(scope="module")
def twenty_places():
    return generate(people=20, pictures_per_label=10, seed=4)


@pytest.fixture(scope="module")
def sixty_places():
    return generate(people=60, pictures_per_label=8, seed=5)


def test_a_seed_gives_the_pictures_it_always_gave():
    assert fingerprint(generate(people=2, pictures_per_label=3, seed=11)) == FINGERPRINT


def test_another_process_gets_the_same_pictures():
    program = (
        "import hashlib\n"
        "from course.data.people import generate\n"
        "data = generate(people=2, pictures_per_label=3, seed=12)\n"
        "print(hashlib.sha256(data.examples.tobytes()).hexdigest()[:16])"
    )
    root = Path(people.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == fingerprint(generate(people=2, pictures_per_label=3, seed=12))


def test_a_place_does_not_depend_on_how_many_places_and_pictures_are_asked_for():
    few, more = generate(people=2, pictures_per_label=2), generate(people=4, pictures_per_label=5)
    of_more = more.for_people([0, 1]).examples.reshape(2, 2, 5, SIZE, SIZE)[:, :, :2]
    assert np.array_equal(few.examples, of_more.reshape(few.examples.shape))


def test_two_seeds_have_different_places():
    one, other = (generate(people=1, pictures_per_label=1, seed=seed) for seed in (0, 1))
    assert not np.array_equal(one.examples, other.examples)


def test_twelve_places_take_a_few_seconds_at_most():
    start = time.perf_counter()
    load("people", people=12)
    # 1 s of an idle processor; machines that run tests are shared.
    assert time.perf_counter() - start < 8


def test_shapes_and_types_are_as_documented(twenty_places):
    data = twenty_places
    assert data.examples.shape == (20 * 2 * 10, 96, 96)
    assert data.examples.dtype == np.uint8
    # Those of the public photographs.
    assert data.label_names == LABELS == ("no person", "person")
    assert np.bincount(data.labels).tolist() == [200] * 2
    assert np.bincount(data.person).tolist() == [20] * 20
    assert (data.units, data.sample_rate_hz) == ("brightness, 0 to 255", None)


def test_pictures_are_neither_black_nor_white_nor_plain(twenty_places):
    pictures = twenty_places.examples.astype(float)
    assert 20 < pictures.mean(axis=(1, 2)).min() < pictures.mean(axis=(1, 2)).max() < 245
    assert pictures.std(axis=(1, 2)).min() > 5


def test_both_labels_show_the_same_places(twenty_places):
    """The wall's brightness tells the place, and not whether somebody is there."""
    corners = twenty_places.examples[:, :10].mean(axis=(1, 2)).reshape(20, 2, 10)
    without, with_somebody = np.median(corners, axis=2).T
    assert np.corrcoef(without, with_somebody)[0, 1] > 0.9
    assert abs(np.mean(without - with_somebody)) < 10


def gradients(pictures, cell=12, ways=9):
    """How strong edges of each direction are in each cell, as in histograms of gradients."""
    values = pictures.astype(float) / 64
    down, right = np.gradient(values, axis=(1, 2))
    strength = np.hypot(right, down)
    way = (np.arctan2(down, right) % np.pi / np.pi * ways).astype(int) % ways
    across = SIZE // cell
    cells = np.stack(
        [
            np.where(way == w, strength, 0).reshape(-1, across, cell, across, cell).sum(axis=(2, 4))
            for w in range(ways)
        ],
        axis=-1,
    )
    cells /= cells.sum(axis=-1, keepdims=True) + 1
    return cells.reshape(len(pictures), -1)


def ridge(known, labels, asked, penalty):
    """Linear answers, above 0 for label 1, by least squares."""
    middle = known.mean(axis=0)
    known, asked = known - middle, asked - middle
    target = 2.0 * labels - 1
    weights = np.linalg.solve(known @ known.T + penalty * np.eye(len(known)), target)
    return (asked @ known.T @ weights > 0).astype(int)


def test_edges_tell_whether_somebody_is_in_places_not_met_before(sixty_places, twenty_places):
    train = sixty_places
    known, asked = gradients(train.examples), gradients(twenty_places.examples)
    answers = ridge(known, train.labels, asked, penalty=30)
    # Chance is 0.5; measured: 0.82.
    assert np.mean(answers == twenty_places.labels) > 0.75


def test_brightness_and_contrast_alone_tell_little(sixty_places, twenty_places):
    train = sixty_places
    known, asked = (
        np.column_stack([d.examples.mean(axis=(1, 2)), d.examples.std(axis=(1, 2))])
        for d in (train, twenty_places)
    )
    answers = ridge(known, train.labels, asked, penalty=1)
    assert np.mean(answers == twenty_places.labels) < 0.65


def test_they_are_called_a_toy_wherever_they_appear(twenty_places):
    assert "toy" in people.__doc__
    assert "toy" in generate.__doc__
    assert "toy" in twenty_places.description
    figure = twenty_places.plot(count=3)
    assert figure.png().startswith(b"\x89PNG")
    assert "a toy: with and without a person" in figure.alt
    assert "no person, group" in figure.alt
    assert "96 by 96 pixels, grey" in figure.alt


@pytest.mark.parametrize(
    "wrong",
    [{"people": 0}, {"pictures_per_label": 0}, {"seed": -1}, {"people": 2.5}, {"seed": "a"}],
)
def test_impossible_requests_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        generate(**wrong)


def test_examples_in_the_documentation_are_true():
    assert doctest.testmod(people).failed == 0
