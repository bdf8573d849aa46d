import json
import re
from html.parser import HTMLParser

import pytest

from evaluation.report.page import render_page, write_page
from evaluation.results import read_results, write_results
from evaluation.summaries import combine_windows

EVIL = "</title></svg></p><script>alert(1)</script>{{ 7 * 7 }}{% raw %}$\\frac$ \"' onload=alert(1) & --> \u202e"


@pytest.fixture(scope="module")
def page(make_results):
    return render_page(make_results())


class Elements(HTMLParser):
    """All elements with their attributes, and whether they are closed in order."""

    VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another element"


def test_the_page_is_well_formed(page):
    elements = Elements(page)

    assert elements.open == []
    assert len(elements.found) > 1_000


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(page):
    elements = Elements(page).found

    assert {tag for tag, _ in elements} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
    } == set()
    addresses = {
        value
        for _, attributes in elements
        for name, value in attributes.items()
        if name in {"href", "src", "srcset", "action", "xlink:href", "data"}
    }
    assert {address[0] for address in addresses} == {"#"}
    assert {name for _, attributes in elements for name in attributes if name.startswith("on")} == set()
    assert re.findall(r"https?:|@import|url\((?!#)", page) == []


def test_the_page_forbids_scripts_and_the_network(page):
    policies = [
        attributes["content"]
        for tag, attributes in Elements(page).found
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]

    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]


def test_what_a_drawing_refers_to_is_on_the_page_once(page):
    ids = [attributes["id"] for _, attributes in Elements(page).found if "id" in attributes]

    assert sorted(set(re.findall(r'(?:href="|url\()#([^")]+)', page))) == sorted(set(ids))
    # Marks of equal form within one drawing share one name and one form.
    assert all(len(set(re.findall(rf'<path id="{each}" d="([^"]*)"', page))) <= 1 for each in set(ids))


def test_names_of_strangers_are_escaped_wherever_they_stand(make_results, page):
    text = json.dumps(make_results(cuts=2))
    for name in (
        "blended candidates",
        "last week's bestsellers",
        "own purchases",
        "at most 10",
        "blender score",
        "NDCG@12 says so",
        "0123abc",
    ):
        text = text.replace(name, json.dumps(f"{EVIL}{name}")[1:-1])
    hostile = json.loads(text)

    told = render_page(hostile)

    elements = Elements(told)
    assert elements.open == []
    assert {tag for tag, _ in elements.found} == {tag for tag, _ in Elements(page).found}
    assert "<script" not in told
    assert "49{% raw %}" not in told
    assert "{{ 7 * 7 }}" in told
    assert "\u202e" not in told


def test_the_same_results_give_the_same_page_also_from_their_file(make_results, page, tmp_path):
    write_results(make_results(), tmp_path / "results.json")

    write_page(read_results(tmp_path / "results.json"), tmp_path / "page.html")

    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page


def test_the_headline_is_true_whether_the_model_wins_or_loses(make_results, page):
    won, lost = (
        re.search(r'<p class="headline">(.*?)</p>', text)[1] for text in (page, render_page(make_results(0.5)))
    )

    assert "1.08 times" in won
    assert "clearly ahead in 4 of 4 weeks" in won
    assert "0.54 times" in lost
    assert "clearly behind in 4 of 4 weeks" in lost


def test_the_page_says_what_was_asked_and_where_the_numbers_come_from(page):
    assert "4 dates from 2017-11-14 to 2017-12-05" in page
    assert "2,210 to 2,303 users" in page
    assert "Recall@100 is the share of what people bought in the next 7 days" in page
    assert "1,469,307 purchases. Made 2024-05-01T12:00:00+00:00 from commit 0123abc, seed 7, in 812 seconds." in page


def test_the_best_of_a_column_is_bold(page):
    row = re.search(r"blended candidates</th>(.*?)</tr>", page)[1]

    assert row.startswith('<td class="start"><b>12.6\xa0%</b></td>')


def test_a_page_of_one_cut_without_new_purchases_filters_rankings_and_sources_curve(make_results):
    bare = make_results(cuts=1)
    (cut,) = bare["windows"]
    cut.update(sources=None, training_history=[], users_new=0)
    del cut["filter_costs"], cut["rankings"]  # as in files of evaluations that priced none and learned no order
    for model in cut["models"].values():
        model["new"] = {}
    for baselines in cut["comparisons"].values():
        for compared in baselines.values():
            compared["new"] = {}

    page = render_page(combine_windows(bare["run"], bare["cutoffs"], bare["windows"]))

    assert Elements(page).open == []
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings == [
        "What was asked",
        "All models beside each other",
        "How much is found with how many candidates?",
        "Is it better than the simple lists?",
        "Are only best sellers found?",
        "For whom does it work?",
        "Are new items found?",
        "How much of the catalogue is shown?",
    ]


def test_a_small_catalogue_has_other_cutoffs(make_results):
    text = json.dumps(make_results(cuts=1))
    for number in ("50", "100", "300"):
        text = re.sub(rf'"(?:recall|hit_rate)@{number}": \[[^]]*\],? ?', "", text)
    small = json.loads(text.replace("@12", "@7"))
    (cut,) = small["windows"]
    cut.update(sources=None, comparisons={})

    page = render_page(combine_windows(small["run"], [7], small["windows"]))

    assert "recall @7" in page
    assert "among 7 candidates" in page
