"""The card: figures, points and hints in two faces; what a learner wrote stays text."""

from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograder import Finding, Verdict
from autograder.card import Card, Note, points
from autograder.evidence import printable

MARKUP = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</div></details><iframe>",
    "&lt;b&gt; &amp; &#60;",
    "<!-- ",
    "]]>",
    "javascript:alert(1)",
    "\u202e\x00\x1b[31m",
]
texts = st.one_of(
    st.text(st.characters(), max_size=20),
    st.sampled_from(MARKUP),
    st.text(st.sampled_from("<>&\"'/=! abc"), max_size=20),
)


class Page(HTMLParser):
    """Tags, attributes and text of a piece of HTML."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def handle_comment(self, data):
        raise AssertionError("a comment")

    @property
    def text(self):
        return "".join(self.words)

    def attribute(self, name):
        return [value for key, value in self.attributes if key == name]


def card(*findings, hints=(), note="", most=2):
    return Card("Zero point", Verdict("zero_point", most, findings), hints, note)


RIGHT = Finding("Sums", True, "right in all 3 cases")
WRONG = Finding("Size", False, "24 kB", "at most 20 kB", "It holds floats.", "Quantize it.")


# --- what a learner wrote -----------------------------------------------------------------------


@given(texts, texts, texts, texts, texts, texts, texts, texts)
@example(*MARKUP[:8])
def test_markup_of_a_learner_is_text(title, got, needed, detail, then, case, note, hint):
    finding = Finding(title, False, got, needed, detail, then, 1.0, case)
    page = Page(Card(title, Verdict("x", 1, (finding,)), (hint,), note).html())
    assert set(page.tags) <= {"div", "span", "strong", "details", "summary"}
    names = {name for name, _ in page.attributes if not name.startswith(("data-", "aria-"))}
    assert names <= {"role", "class", "style"}
    assert page.open == []
    for text in (got, needed, detail, then, case):
        assert printable(text) in page.text


@given(texts, texts)
def test_markup_in_a_note_is_text(title, text):
    page = Page(Note(title, text)._repr_mimebundle_()["text/html"])
    assert set(page.tags) == {"div", "strong"}
    assert page.open == []


@given(texts)
def test_a_style_cannot_be_changed_from_outside(text):
    finding = Finding(text, False, text, text, text, text, 1.0, text)
    plain = Finding("x", False, "x", "x", "x", "x", 1.0, "x")
    changed = Page(Card("x", Verdict("x", 1, (finding,))).html()).attribute("style")
    assert set(changed) <= set(Page(Card("x", Verdict("x", 1, (plain,))).html()).attribute("style"))


# --- states -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("findings", "state", "score"),
    [
        ((RIGHT,), "Done", "2 of 2 points"),
        ((RIGHT, WRONG), "Partly there", "1 of 2 points"),
        ((WRONG,), "Not yet", "0 of 2 points"),
        ((), "Not yet", "0 of 2 points"),
    ],
)
def test_both_faces_say_how_far_it_is(findings, state, score):
    assert str(card(*findings)).startswith(f"{state}: Zero point · {score}")
    page = Page(card(*findings).html())
    assert state in page.text
    assert score in page.text
    assert f"{state}: Zero point, {score}" in page.attribute("aria-label")
    assert page.attribute("data-passed") == [str(state == "Done").lower()]


def test_both_faces_show_got_needed_detail_and_next():
    page = Page(card(WRONG).html())
    for words in ("Size: ", "24 kB", "needs at most 20 kB", "It holds floats.", "Quantize it."):
        assert words in page.text
    assert "[ ] Size: 24 kB, needs at most 20 kB. It holds floats. Next: Quantize it." in str(
        card(WRONG)
    )


def test_what_holds_and_what_does_not_is_said_to_a_screen_reader():
    labels = Page(card(RIGHT, WRONG).html()).attribute("aria-label")
    assert labels[1:] == ["holds", "does not hold"]


def test_a_finding_that_holds_shows_no_next_step():
    assert "Add them" not in card(Finding("Sums", True, "all", next="Add them.")).html()


# --- hints and notes --------------------------------------------------------------------------


def test_hints_are_folded_one_inside_the_other():
    page = Page(card(WRONG, hints=("First.", "Second.")).html())
    assert page.tags.count("details") == 2
    assert (
        page.text.index("Hint 1 of 2") < page.text.index("First.") < page.text.index("Hint 2 of 2")
    )
    assert page.text.endswith("Second.")


def test_plain_text_names_the_call_instead_of_the_hints():
    text = str(card(WRONG, hints=("First.",)))
    assert "check.zero_point.hint()" in text
    assert "First." not in text


def test_who_has_passed_needs_no_hint():
    assert "Hint" not in card(RIGHT, hints=("First.",)).html()
    assert "hint" not in str(card(RIGHT, hints=("First.",)))


def test_a_note_stands_at_the_foot_of_both_faces():
    shown = card(RIGHT, note="This attempt was not saved.")
    assert str(shown).endswith("This attempt was not saved.")
    assert Page(shown.html()).text.endswith("This attempt was not saved.")


def test_a_notebook_gets_both_faces():
    assert set(card(RIGHT)._repr_mimebundle_()) == {"text/plain", "text/html"}
    assert str(Note("Hint 1 of 2", "Look.")) == "Hint 1 of 2: Look."


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (1.5, "1.5"), (0.333, "0.33"), (0, "0"), (10, "10"), (100.0, "100")],
)
def test_points_carry_no_needless_decimals(value, text):
    assert points(value) == text
