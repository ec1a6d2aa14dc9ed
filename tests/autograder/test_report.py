"""The report of a class: right figures, harmless pages, names that stay in their folder."""

import json
import math
import re
import time
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograder import item_analysis as analysis
from autograder.item_analysis import Result
from autograder.report import feedback_name, write_report
from course import plots

#: The first module of the small course that every test here runs in; see conftest.
SLUG, TITLE = "toy", "Module 1, Toy"
MARKUP = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</td></table></style><iframe>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp; &#60;",
    "<!-- ",
    "javascript:alert(1)",
    "\u202e\x00\x1b[31m\ud800",
    "../../etc/passwd",
]
texts = st.one_of(
    st.text(st.characters(), max_size=12),
    st.sampled_from(MARKUP),
    st.text(st.sampled_from("<>&\"'/=! {}%abc"), max_size=12),
)
DRAW = plots.HouseFigure.png
VOID = {"meta", "img", "br"}
HARMLESS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "nav", "section",
    "h1", "h2", "h3", "p", "div", "span", "strong", "code", "bdi", "abbr", "a", "br", "ul", "li",
    "dl", "dt", "dd", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "figure", "img",
    "details", "summary",
}  # fmt: skip


class Page(HTMLParser):
    """Tags, attributes and words of a page; complains about anything that is not balanced."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.cells, self.images, self.rows = [], [], []
        self.html = path.read_text("utf-8")
        self.feed(self.html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        # What stands on a line of its own is a word of its own.
        self.words.append(" " if tag in ("div", "p", "br", "li", "td", "th") else "")
        if tag == "img":
            self.images.append(dict(attrs))
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)
        if {"th", "td"} & set(self.open):
            self.rows[-1][-1] += data

    def handle_comment(self, data):
        raise AssertionError("a comment")

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    @property
    def table(self):
        """First cell of each row → the others."""
        squeezed = [[" ".join(cell.split()) for cell in row] for row in self.rows]
        return {row[0]: row[1:] for row in squeezed}

    def attribute(self, name):
        return [value for key, value in self.attributes if key == name]


def finding(holds=False, title="Size", **texts):
    return {"title": title, "holds": holds, "got": "", "needed": "", "detail": "", "next": "",
            "weight": 1.0, **texts}  # fmt: skip


def verdict(score, check="size", points=2, findings=None, title=None):
    held = score == points
    found = [finding(held)] if findings is None else findings
    title = title or check.replace("_", " ").capitalize()
    return {"check": check, "title": title, "points": points, "score": score, "findings": found}


def record(student="ada", verdicts=(), **values):
    return {
        "student": student,
        "module": SLUG,
        "file": f"{student}/{SLUG}.ipynb",
        "digest": "9f" * 32,
        "key": "k",
        "status": "graded",
        "reason": "",
        "isolation": "bubblewrap, control groups",
        "seconds": 4.0,
        "peak_bytes": 600_000_000,
        "notes": [],
        "verdicts": list(verdicts),
    } | values


NAMES = (("size", 2), ("speed", 3), ("memory", 1))


def four():
    """Four learners, three checks; every figure below was computed by hand."""
    points = {"ada": (2, 3, 1), "ben": (2, 3, 0), "chloe": (0, 1.5, 1), "dmitri": (0, 0, 0)}
    return [
        record(
            student,
            [verdict(s, name, most) for s, (name, most) in zip(scores, NAMES, strict=True)],
            seconds=seconds,
        )
        for (student, scores), seconds in zip(points.items(), (2.0, 4.0, 6.0, 8.0), strict=True)
    ]


def results(records):
    return [Result.from_record(each) for each in records]


def index_of(records, folder):
    return Page(write_report(records, folder))


def feedback_of(folder, student="ada", module=SLUG):
    return Page(folder / "feedback" / feedback_name(student, module))


@pytest.fixture(autouse=True, scope="module")
def blank_pictures():
    """Pictures are composed, alt text and all, but not drawn: that takes most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots.HouseFigure, "png", lambda self: b"not drawn")
        yield


# --- figures ------------------------------------------------------------------------------------


def test_shares_of_full_partial_and_no_points_and_difficulty_are_counted_for_each_check():
    figures = {item.check: item for item in analysis.check_figures(results(four()))}
    assert (figures["size"].full, figures["size"].part, figures["size"].zero) == (2, 0, 2)
    assert (figures["speed"].full, figures["speed"].part, figures["speed"].zero) == (2, 1, 1)
    assert figures["size"].difficulty == pytest.approx(0.5)
    assert figures["speed"].difficulty == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    assert figures["memory"].difficulty == pytest.approx(0.5)


def test_discrimination_is_the_correlation_with_the_rest_of_the_module():
    figures = {item.check: item for item in analysis.check_figures(results(four()))}
    # size 2 2 0 0 with the rest 4 3 2.5 0, means 1 and 2.375: 4.5 / √(4 · 8.6875)
    assert figures["size"].discrimination == pytest.approx(4.5 / math.sqrt(4 * 8.6875))
    # memory 1 0 1 0 with the rest 5 5 1.5 0, means 0.5 and 2.875: 0.75 / √(1 · 19.1875)
    assert figures["memory"].discrimination == pytest.approx(0.75 / math.sqrt(19.1875))


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=3, max_size=30).filter(
        lambda rows: len({right for right, _ in rows}) == 2 and len({r for _, r in rows}) > 1
    )
)
def test_for_right_or_wrong_items_it_is_the_point_biserial_of_the_rest(rows):
    right = [rest for held, rest in rows if held]
    wrong = [rest for held, rest in rows if not held]
    every = right + wrong
    mean = sum(every) / len(every)
    spread = math.sqrt(sum((rest - mean) ** 2 for rest in every) / len(every))
    share = len(right) / len(every)
    biserial = (sum(right) / len(right) - sum(wrong) / len(wrong)) / spread
    biserial *= math.sqrt(share * (1 - share))
    item = [float(held) for held, _ in rows]
    total = [held + rest for held, rest in rows]
    assert analysis.item_rest_correlation(item, total) == pytest.approx(biserial, abs=1e-9)


@pytest.mark.parametrize(
    ("item", "total"),
    [
        ([], []),
        ([1], [3]),
        ([0, 1], [1, 3]),
        ([1, 1, 1], [3, 4, 5]),
        ([0, 1, 2], [3, 4, 5]),
        ([0.1, 0.1, 0.1], [0.3, 0.7, 0.2]),
    ],
)
def test_discrimination_does_not_exist_without_three_submissions_and_some_spread(item, total):
    assert analysis.item_rest_correlation(item, total) is None


def test_chance_reaches_196_over_the_root_of_one_submission_less():
    assert analysis.chance_bound(26) == pytest.approx(1.96 / 5)
    assert analysis.chance_bound(4) is None
    assert analysis.chance_bound(0) is None


def test_scores_fall_into_tenths_and_full_marks_stand_apart():
    def at(score):
        return record(verdicts=[verdict(score, points=10)])

    counts = dict(analysis.score_bins(results(map(at, (0, 0.99, 1, 2.9, 3, 9.99, 10, 10)))))
    assert {name: count for name, count in counts.items() if count} == {
        "0–9": 2, "10–19": 1, "20–29": 1, "30–39": 1, "90–99": 1, "100": 2,
    }  # fmt: skip


def test_a_rounding_error_does_not_move_a_score_to_the_bin_below():
    # 0.1 + 0.2 is 0.30000000000000004 and 0.7 + 0.1 is 0.7999999999999999.
    parts = [verdict(0.7, "a", 0.7), verdict(0.1, "b", 0.3)]
    counts = analysis.score_bins(results([record(verdicts=parts)]))
    assert [name for name, count in counts if count] == ["80–89"]


def test_failed_findings_are_grouped_by_check_and_title_with_the_commonest_advice():
    def failing(*found):
        return record(verdicts=[verdict(0, findings=list(found))])

    rows, more = analysis.failed_findings(
        results(
            [
                failing(finding(title="Size", next="Prune.", detail="It holds floats.")),
                failing(finding(title="Size", next="Quantize.", detail="It holds floats.")),
                failing(
                    finding(title="Size", next="Quantize."), finding(title="Size", next="Twice.")
                ),
                failing(finding(title="Speed", next="Fewer layers.", got="9 ms")),
                failing(finding(True, title="Speed", next="Never shown.")),
            ]
        )
    )
    assert [(row.title, row.count, row.next) for row in rows] == [
        ("Size", 3, "Quantize."),
        ("Speed", 1, "Fewer layers."),
    ]
    assert (rows[0].seen, rows[0].seen_count, more) == ("It holds floats.", 2, 0)
    assert rows[1].seen == "9 ms"


def test_only_the_commonest_findings_are_listed_and_the_others_are_counted():
    many = [finding(title=f"Finding {number}") for number in range(40)]
    rows, more = analysis.failed_findings(results([record(verdicts=[verdict(0, findings=many)])]))
    assert len(rows) + more == 40
    assert more > 0


def test_submissions_that_did_not_run_to_the_end_say_nothing_about_the_checks(tmp_path):
    nothing = [verdict(0, name, most) for name, most in NAMES]
    stopped = record("eve", nothing, status="stopped", reason="It took too long.", seconds=600)
    page = index_of([*four(), stopped], tmp_path)
    assert page.table["Size"][:5] == ["2", "2", "0", "2", "50 %"]
    assert "5 submissions, 4 ran to the end." in page.text


def test_the_page_shows_the_figures_of_each_check_as_a_table(tmp_path):
    page = index_of(four(), tmp_path)
    assert page.table["Size"] == ["2", "2", "0", "2", "50 %", "0.76", ""]
    assert page.table["Speed"][:5] == ["3", "2", "1", "1", "62 %"]
    assert page.table["Memory"][5:] == ["0.17", "It says little about the rest of the module."]
    assert page.table["ran to its end"] == ["4", "2.0 s", "3.5 s", "5.0 s", "6.5 s", "8.0 s"]
    assert "20 s of grading in all; the largest submission held 600 MB of memory." in page.text
    assert "mean 3.38 and median 3.75 of 6 points" in page.text


def test_a_check_that_good_learners_fail_is_named(tmp_path):
    def pair(size, speed):
        return [verdict(size, "size", 2), verdict(speed, "speed", 9)]

    scores = {"ada": (0, 9), "ben": (0, 8), "chloe": (2, 1), "dmitri": (2, 0)}
    page = index_of([record(name, pair(*points)) for name, points in scores.items()], tmp_path)
    assert page.table["Size"][5].startswith("−0.9")
    assert page.table["Size"][6].startswith("Those who do well elsewhere do worse here.")


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (1, "100 %"), (0.999, "99 %"), (0.001, "1 %"), (0.625, "62 %")]
)
def test_only_all_is_a_hundred_percent_and_only_nothing_is_none(share, text):
    assert analysis.percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.04, "0.0 s"), (9.96, "10 s"), (599.4, "599 s"), (600, "10 min")]
)
def test_times_have_a_unit(value, text):
    assert analysis.seconds(value) == text


# --- the class ----------------------------------------------------------------------------------


def test_students_and_modules_make_a_table_with_totals(tmp_path):
    other = [record("ada", [verdict(1, "lab", 4)], module="zoo"),
             record("eve", [verdict(4, "lab", 4)], module="zoo")]  # fmt: skip
    page = index_of(four() + other, tmp_path)
    assert page.table["ada"] == ["70 %", "7", "6", "1"]
    assert page.table["ben"] == ["50 %", "5", "5", "–not handed in"]
    assert page.table["eve"] == ["40 %", "4", "–not handed in", "4"]
    # Modules: 13.5 points of 4, and 5 of 2. Totals: 18.5 points of 5 students, 10 each.
    assert page.table["Mean"] == ["37 %", "3.7", "3.38", "2.5"]


def test_known_modules_have_their_title_and_unknown_ones_their_slug_behind_them(tmp_path):
    page = index_of([record("ada", [verdict(1)], module="a_new_one"), *four()], tmp_path)
    links = [name for name in page.attribute("href") if name.startswith("#module")]
    assert links == ["#module-1", "#module-2"]
    assert page.text.index(TITLE) < page.text.index("a_new_one")


def test_what_an_instructor_must_act_on_comes_first_with_reason_and_advice(tmp_path):
    odd = [
        record("zoe", status="unreadable", reason="It is not valid JSON.", seconds=0),
        record("yan", [verdict(0)], status="stopped", reason="It used too much memory."),
        record("xia", module="", status="unknown module", reason="It is no notebook of ours."),
    ]
    page = index_of(four() + odd, tmp_path)
    first, students = page.text.index("Act on these first"), page.text.index("Mean")
    for each in odd:
        assert first < page.text.index(each["reason"]) < students
    assert page.table["yan"] == ["0 %", "stopped 0"]
    assert "3 submissions were not graded to the end." in page.text
    assert "Ask for the notebook once more, saved again." in page.text


def test_a_class_in_which_all_went_well_has_nothing_to_act_on(tmp_path):
    assert "Act on these first" not in index_of(four(), tmp_path).text


def test_a_second_file_of_the_same_student_is_set_aside_and_named(tmp_path):
    aside = record("ada", status="not graded", reason="Another was taken.", file="ada/old.ipynb")
    page = index_of([aside, *four()], tmp_path)
    assert page.table["ada"] == ["100 %", "6"]
    assert "1 file was set aside" in page.text
    assert "ada/old.ipynb: not graded. Another was taken." in page.text
    assert "ada/old.ipynb" in feedback_of(tmp_path).text


def test_statuses_are_counted_with_their_reasons(tmp_path):
    odd = [record(f"s{n}", status="unreadable", reason="It is empty.") for n in range(3)]
    page = index_of(four() + odd, tmp_path)
    assert page.table["unreadable"] == ["3", "3 × It is empty."]
    assert page.table["graded"] == ["4", ""]


def test_the_page_says_how_the_submissions_were_kept_apart(tmp_path):
    other = record("ben", [verdict(1)], isolation="process limits only")
    page = index_of([other, *four()], tmp_path)
    assert "Run with process limits only: 1 submission." in page.text
    assert "Run with bubblewrap, control groups: 4 submissions." in page.text


def test_an_empty_class_has_a_page_too(tmp_path):
    page = index_of([], tmp_path)
    assert "Nobody has handed anything in yet." in page.text
    assert list((tmp_path / "feedback").iterdir()) == []


@pytest.mark.parametrize(
    "one",
    [
        record(verdicts=[verdict(1)]),
        record(verdicts=[verdict(2)]),
        record(verdicts=[verdict(0, findings=[])], seconds=0),
        record(verdicts=[verdict(0, points=0)]),
        record(status="stopped", verdicts=[verdict(0)]),
        record(status="unreadable"),
        record(status="not graded"),
        record(module="", status="unknown module"),
        {"student": "ada"},
        {},
    ],
)
def test_one_submission_of_any_kind_has_its_pages(one, tmp_path):
    page = index_of([one], tmp_path)
    assert "1 student" in page.text
    assert len(list((tmp_path / "feedback").iterdir())) == 1


odd_numbers = st.one_of(
    st.floats(), st.integers(-(10**400), 10**400), st.none(), st.booleans(), st.just("7")
)


@settings(max_examples=15)
@given(st.lists(st.tuples(*[odd_numbers] * 4), min_size=1, max_size=4))
@example([(math.nan, math.inf, -math.inf, math.nan), (1e308, 1e308, 1e308, 1e308)])
def test_no_page_shows_a_figure_that_is_none(tmp_path_factory, numbers):
    folder = tmp_path_factory.mktemp("odd")
    records = [
        record(f"s{n}", [verdict(score, points=most)], seconds=seconds, peak_bytes=peak)
        for n, (score, most, seconds, peak) in enumerate(numbers)
    ]
    page = index_of(records, folder)
    shown = page.text + "".join(image["alt"] for image in page.images)
    assert not re.search(r"\b(nan|inf|True|False)\b", shown)
    assert "None" not in shown.replace("Some None Difficulty", "").replace("None failed.", "")


# --- what a learner wrote -----------------------------------------------------------------------


@settings(max_examples=40)
@given(texts, texts, texts, texts, texts, texts, texts, texts)
@example(*MARKUP[:8])
@example(*MARKUP[-8:])
def test_markup_of_a_learner_is_text_on_every_page(
    tmp_path_factory, student, file, note, title, detail, then, reason, status
):
    folder = tmp_path_factory.mktemp("hostile")
    found = [finding(title=title, detail=detail, next=then, got=note, needed=file)]
    records = [
        record(student, [verdict(0, title=title, findings=found)], notes=[note], file=file),
        record(student, status="not graded", reason=reason, file=file),
        record(student, [verdict(0)], module=title, status="stopped", reason=reason, digest=note),
        record(student, module="", status=status, reason=reason, isolation=detail),
    ]
    index = write_report(records, folder)
    for path in (index, *(folder / "feedback").iterdir()):
        page = Page(path)
        assert set(page.tags) <= HARMLESS
        assert not [name for name, _ in page.attributes if name.startswith("on")]
        assert all(re.match(r"(#|feedback/)[\w.%-]+$", link) for link in page.attribute("href"))
        assert all(image["src"].startswith("data:image/png;base64,") for image in page.images)


def test_what_a_learner_wrote_is_shown_letter_by_letter(tmp_path):
    name, note = MARKUP[0], MARKUP[2]
    page = index_of([record(name, [verdict(1)], notes=[note], file=MARKUP[1])], tmp_path)
    assert name in page.table
    feedback = feedback_of(tmp_path, name)
    assert note in feedback.text
    assert MARKUP[1] in feedback.text


def test_examples_show_hidden_inputs_and_never_reach_a_page(tmp_path):
    found = [finding(example="For 26.99 you return running."), finding(True, example="26.99")]
    write_report([record(verdicts=[verdict(1, findings=found)], example="26.99")], tmp_path)
    for path in tmp_path.rglob("*.html"):
        assert "26.99" not in path.read_text("utf-8")


def test_pages_forbid_scripts_and_the_network_and_need_neither(tmp_path):
    write_report(four(), tmp_path)
    for path in tmp_path.rglob("*.html"):
        page = Page(path)
        (policy,) = [value for value in page.attribute("content") if "default-src" in value]
        assert "default-src 'none'" in policy
        assert "script" not in page.tags
        assert "link" not in page.tags
        assert not re.search(r"https?:|@import|url\(", page.html)


# --- feedback -----------------------------------------------------------------------------------


def test_feedback_shows_points_findings_and_notes_like_the_cards_in_a_notebook(tmp_path):
    found = [
        finding(True, title="Operators", got="all built in"),
        finding(title="Size", got="24 kB", needed="at most 20 kB", detail="It holds floats.",
                next="Quantize it."),
    ]  # fmt: skip
    verdicts = [verdict(1.5, findings=found, points=3, title="A small model"), verdict(2, "speed")]
    write_report([record(verdicts=verdicts, notes=["The cell 'x' was edited."])], tmp_path)
    text = feedback_of(tmp_path).text
    assert "3.5 of 5 points" in text
    assert "1 of 2 checks done." in text
    assert "Partly there A small model 1.5 of 3 points" in text
    assert "✗ Size: 24 kB, needs at most 20 kB It holds floats. Next: Quantize it." in text
    assert "✓ Operators: all built in" in text
    assert "Done Speed 2 of 2 points" in text
    assert "The cell 'x' was edited." in text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("stopped", "Your notebook did not run to its end. It took too long."),
        ("unreadable", "Your file could not be read. It took too long."),
        ("unknown module", "Your file belongs to no module of this course. It took too long."),
        ("not graded", "Your file was not graded. It took too long."),
    ],
)
def test_feedback_says_what_kept_a_submission_from_being_graded(status, words, tmp_path):
    write_report([record(status=status, reason="It took too long.")], tmp_path)
    assert words in feedback_of(tmp_path).text


def test_feedback_names_nobody_else(tmp_path):
    write_report(four(), tmp_path)
    assert not re.search("ben|chloe|dmitri", feedback_of(tmp_path).text)


def test_a_flood_of_notes_is_cut_and_counted(tmp_path):
    write_report([record(notes=["x" * 9000] * 500)], tmp_path)
    page = feedback_of(tmp_path)
    assert "460 further notes." in page.text
    assert len(page.html) < 200_000


# --- pictures, links, names ---------------------------------------------------------------------


def test_every_picture_has_a_title_in_its_alt_text_and_its_figures(tmp_path):
    page = index_of(four(), tmp_path)
    scores, checks, times = (image["alt"] for image in page.images)
    assert "Half of 4 submissions have 3.75 of 6 points or more. 0–9 %: 1," in scores
    assert "Hardest: Size (50 % of its points). Size: 2 all points, 0 some, 2 none." in checks
    assert "Half of the submissions took 5.0 s or less, the slowest 8.0 s." in times
    assert "Ran to its end: 4 submissions, 2.0 s to 8.0 s." in times


def test_pictures_have_titles_and_axes_with_units():
    figures = (
        analysis.score_figure(results(four())),
        analysis.checks_figure(analysis.check_figures(results(four()))),
        analysis.time_figure({"ran to its end": [1.0, 2.0], "was stopped": [600.0]}),
    )
    for house in figures:
        (axes,) = house.figure.axes
        assert axes.get_title(loc="left") or house.figure.get_suptitle()
        assert re.search(r"\((%|s)", axes.get_xlabel())


def test_pictures_are_drawn_whatever_a_title_holds_and_stderr_stays_silent(capfd):
    odd = ["$x^2$", "陳", "\\frac{", "a" * 300, *MARKUP]
    verdicts = [verdict(n % 3, f"c{n}", title=title) for n, title in enumerate(odd)]
    read = results([record(verdicts=verdicts)])
    for figure in (
        analysis.score_figure(read),
        analysis.checks_figure(analysis.check_figures(read)),
        analysis.time_figure({"ran": [0.0, 1e-9, 604_800.0]}),
    ):
        assert DRAW(figure).startswith(b"\x89PNG")
    assert capfd.readouterr().err == ""


def test_every_link_leads_to_a_page_or_a_place_that_is_there(tmp_path):
    odd = [record("../Zoë & 陳", [verdict(1)]), record("eve", module="", status="unknown module")]
    page = index_of(four() + odd, tmp_path)
    links = page.attribute("href")
    pages = {unquote(link) for link in links if not link.startswith("#")}
    assert {f"feedback/{path.name}" for path in (tmp_path / "feedback").iterdir()} == pages
    places = [link[1:] for link in links if link.startswith("#")]
    assert set(places) <= set(page.attribute("id"))
    assert len(page.attribute("id")) == len(set(page.attribute("id")))


def test_headings_do_not_skip_a_level_and_tables_name_their_columns(tmp_path):
    write_report(four(), tmp_path)
    for path in tmp_path.rglob("*.html"):
        page = Page(path)
        levels = [int(tag[1]) for tag in page.tags if re.fullmatch(r"h\d", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert page.tags.count("table") == page.tags.count("thead")
        assert page.tags.count("th") == len(page.attribute("scope"))
        assert ("lang", "en") in page.attributes


@given(texts, texts)
@example("con", "aux")
@example("", "")
@example("Ada", "ada")
def test_names_of_pages_are_plain_and_stay_in_their_folder(student, module):
    name = feedback_name(student, module)
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+){1,2}\.html", name)
    assert len(name) < 130
    assert not re.match(r"(con|prn|aux|nul|com\d|lpt\d)\.", name)


@given(st.lists(st.tuples(texts, texts), unique=True, max_size=40))
@example([("ada", SLUG), ("Ada", SLUG), ("ada ", SLUG), ("ada/", SLUG), ("adá", SLUG), ("x", "")])
@example([("b", "a"), ("a", "b"), ("a.b", "a"), ("", "x"), ("x", "x"), ("con", "x"), ("aux", "x")])
def test_different_students_never_share_a_page(pairs):
    names = {feedback_name(*pair).casefold() for pair in pairs}
    assert len(names) == len(pairs)


def test_a_name_that_is_plain_stays_readable():
    assert feedback_name("ada-2", SLUG) == "toy.ada-2.html"


def test_the_same_records_give_the_same_bytes(tmp_path):
    first = write_report(four(), tmp_path / "a")
    second = write_report(json.loads(json.dumps(four())), tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()


def test_a_thousand_submissions_take_less_than_five_seconds(tmp_path):
    def eight(number):
        return [verdict((7 * number + place) % 3, f"check_{place}") for place in range(8)]

    records = [record(f"student-{number}", eight(number)) for number in range(1000)]
    started = time.process_time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots.HouseFigure, "png", DRAW)
        write_report(records, tmp_path)
    assert time.process_time() - started < 5
    assert len(list((tmp_path / "feedback").iterdir())) == 1000
