"""One shape for every data set: choosing, splitting without leakage, drawing, hearing."""

import io
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.data.dataset import SOUND_RATE_HZ, Dataset, whole_number

PICTURE = np.arange(16, dtype=np.uint8).reshape(4, 4)


def made(examples=None, labels=(0, 1, 0, 1), person=(0, 0, 5, 5), **changes):
    fields = {
        "name": "toys",
        "examples": np.arange(12, dtype=float).reshape(4, 3) if examples is None else examples,
        "labels": np.array(labels),
        "label_names": ("this", "that"),
        "person": np.array(person),
        "units": "mg",
        "sample_rate_hz": 25,
        "description": "Toys of the test. More about them.",
        "licence": "CC0",
    }
    return Dataset(**{**fields, **changes})


# --- What it is made of ---------------------------------------------------------------------


def test_it_says_what_it_holds():
    assert repr(made()) == "toys: 4 examples of shape (3,) in mg, 2 groups (2 this, 2 that)"
    assert made().names.tolist() == ["this", "that", "this", "that"]
    assert made().people.tolist() == [0, 5]
    assert len(made()) == 4


def test_labels_and_people_are_int64_whatever_they_came_as():
    data = made(labels=np.array([0, 1, 1, 0], np.uint8), person=[1, 1, 2, 2])
    assert data.labels.dtype == data.person.dtype == np.int64


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": (0, 1)}, "one of each for each example"),
        ({"person": (0, 0, 1)}, "one of each for each example"),
        ({"sounds": (PICTURE,)}, "1 sounds"),
        ({"labels": (0, 1, 2, 0)}, "must lie between 0 and 1"),
        ({"labels": (0, 1, -1, 0)}, "must lie between 0 and 1"),
        ({"labels": (0.5, 1, 1, 0)}, "labels must be whole numbers"),
        ({"person": ("a", "b", "c", "d")}, "person must be whole numbers"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        made(**changes)


# --- Choosing -------------------------------------------------------------------------------


def test_examples_are_taken_in_the_order_asked_for_with_everything_that_belongs_to_them():
    taken = made(sounds=tuple("abcd")).take([3, 0])
    assert taken.examples.tolist() == [[9, 10, 11], [0, 1, 2]]
    assert (taken.labels.tolist(), taken.person.tolist()) == ([1, 0], [5, 0])
    assert taken.sounds == ("d", "a")
    assert taken.units == "mg"


def test_examples_can_be_taken_by_a_mask_and_none_at_all():
    assert made().take(np.array([False, True, True, False])).person.tolist() == [0, 5]
    assert len(made().take([])) == 0


@pytest.mark.parametrize("indices", [[4], [-5], [0.5], [[0]], [True, False]])
def test_examples_that_are_not_there_are_refused(indices):
    with pytest.raises(ValueError, match="example"):
        made().take(indices)


def test_people_and_labels_can_be_chosen():
    assert made().for_people(5).labels.tolist() == [0, 1]
    assert made().for_people([0, 5]).only("that").person.tolist() == [0, 5]
    assert made().only("that").label_names == ("this", "that")


def test_unknown_people_and_labels_are_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"no person 3 in toys; its people are 0, 5"):
        made().for_people([0, 3])
    with pytest.raises(ValueError, match=r"no label 'those' in toys; there are this, that"):
        made().only("those")


# --- Splitting ------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    person=st.lists(st.integers(-3, 8), min_size=2, max_size=40).filter(lambda p: len(set(p)) > 1),
    test=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**40),
)
def test_a_split_by_group_leaves_nobody_on_both_sides_and_loses_nothing(person, test, seed):
    data = made(np.arange(len(person))[:, None], np.zeros(len(person), int), person)
    train, held_out = data.split_by_group(test, seed)
    assert len(train) > 0
    assert len(held_out) > 0
    assert not set(train.people) & set(held_out.people)
    together = np.concatenate([train.examples, held_out.examples]).ravel()
    assert np.array_equal(np.sort(together), np.arange(len(person)))


def test_a_split_takes_its_share_of_the_people_and_is_the_same_each_time():
    data = made(np.zeros((40, 1)), np.zeros(40, int), np.repeat(np.arange(20), 2))
    _, held_out = data.split_by_group(0.25, seed=3)
    assert len(held_out.people) == 5
    assert data.split_by_group(0.25, seed=3)[1].people.tolist() == held_out.people.tolist()
    assert data.split_by_group(0.25, seed=4)[1].people.tolist() != held_out.people.tolist()


def test_one_person_alone_cannot_be_split():
    with pytest.raises(ValueError, match="needs at least two"):
        made(person=(1, 1, 1, 1)).split_by_group()


@pytest.mark.parametrize("share", [0, 1, -0.2, 25, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        made().split_by_group(share)


# --- Drawing and hearing --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("examples", "rate", "said"),
    [
        (np.random.default_rng(0).normal(size=(4, 60, 3)), 25, "spread (standard deviation in mg)"),
        (np.random.default_rng(0).normal(size=(4, 90)), 8000, "ms, spread"),
        (np.random.default_rng(0).integers(-99, 99, (4, 49, 40)), 50, "49 steps of 40 bands"),
        (np.stack([PICTURE] * 4), None, "4 by 4 pixels, grey"),
        (np.zeros((4, 9, 6, 3), np.uint8), None, "6 by 9 pixels, colour"),
        (np.zeros((4, 9, 6, 1), np.float32), None, "6 by 9 pixels, grey"),
    ],
    ids=["readings", "signal", "bands", "grey", "colour", "grey with an axis"],
)
@pytest.mark.parametrize("count", [1, 2])
def test_a_plot_of_any_kind_has_a_picture_a_caption_and_alt_text(examples, rate, said, count):
    figure = made(examples, sample_rate_hz=rate).plot(count)
    assert figure.png().startswith(b"\x89PNG")
    assert figure.figure.get_suptitle() == "Toys of the test"
    assert "Toys of the test." in figure.alt
    assert said in figure.alt
    assert figure.alt.count("group") == 2 * count


def test_a_plot_of_readings_has_axes_with_units():
    figure = made(np.zeros((4, 60, 3))).plot(title="Nothing moves").figure
    assert figure.get_supylabel() == "Acceleration (mg)"
    assert figure.get_supxlabel() == "Time (s)"
    assert figure.get_suptitle() == "Nothing moves"


def test_a_label_with_fewer_examples_than_asked_for_is_drawn_with_those_it_has():
    data = made(labels=(0, 0, 0, 1)).plot(3)
    assert data.alt.count("this") == 3
    assert data.alt.count("that") == 1


@pytest.mark.parametrize("count", [0, 7, 1.5, True])
def test_a_number_of_examples_that_cannot_be_drawn_is_refused(count):
    with pytest.raises(ValueError, match="count"):
        made().plot(count)


def test_nothing_to_draw_is_said():
    with pytest.raises(ValueError, match="empty"):
        made().take([]).plot()


def test_a_sound_is_played_as_it_is():
    clip = np.array([0, 1000, -1000], np.int16)
    audio = made(sounds=(clip, None, None, None)).play(0)
    with wave.open(io.BytesIO(audio.data)) as reader:
        assert reader.getframerate() == SOUND_RATE_HZ
        assert np.array_equal(np.frombuffer(reader.readframes(9), "<i2"), clip)


def test_what_cannot_be_heard_is_said():
    heard = made(sounds=(None, PICTURE, None, None))
    with pytest.raises(ValueError, match="it has no sounds"):
        made().play()
    with pytest.raises(ValueError, match="Example 0 of toys has no sound; example 1 has one"):
        heard.play()
    with pytest.raises(ValueError, match="no example 4"):
        heard.play(4)


@pytest.mark.parametrize("value", [1.0, "2", True, None, np.bool_(True)])
def test_only_whole_numbers_are_whole(value):
    with pytest.raises(ValueError, match="people must be a whole number"):
        whole_number("people", value, 0)
