import json
import re
from html.parser import HTMLParser

import pytest

from evaluation.report.page import render_page, report_sections, write_page
from evaluation.results import read_results, write_results
from evaluation.summaries import combine_windows

HOSTILE = "</title></svg></p><script>alert(1)</script>{{ 7 * 7 }}{% raw %}$\\frac$ \"' onload=alert(1) & --> \u202e"


@pytest.fixture(scope="module")
def page(make_results):
    return render_page(make_results())


class Elements(HTMLParser):
    """All elements with their attributes; checks that they are closed in order."""

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


def headings_of(page):
    return re.findall(r"<h2>(.*?)</h2>", page)


def test_the_page_is_well_formed(page):
    elements = Elements(page)

    assert elements.open == []
    assert len(elements.found) > 1_000


def test_the_page_loads_nothing_and_runs_nothing(page):
    elements = Elements(page).found

    forbidden = {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    assert {tag for tag, _ in elements} & forbidden == set()
    addresses = {
        value
        for _, attributes in elements
        for name, value in attributes.items()
        if name in {"href", "src", "srcset", "action", "xlink:href", "data"}
    }
    assert {address[0] for address in addresses} == {"#"}
    assert {name for _, attributes in elements for name in attributes if name.startswith("on")} == set()
    assert re.findall(r"https?:|@import|url\((?!#)", page) == []


def test_the_content_security_policy_forbids_scripts_and_the_network(page):
    policies = [
        attributes["content"]
        for tag, attributes in Elements(page).found
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]

    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]


def test_ids_within_drawings_are_unique_on_the_page(page):
    ids = [attributes["id"] for _, attributes in Elements(page).found if "id" in attributes]

    assert sorted(set(re.findall(r'(?:href="|url\()#([^")]+)', page))) == sorted(set(ids))
    # Equal marks within one drawing have the same id and the same path.
    assert all(len(set(re.findall(rf'<path id="{each}" d="([^"]*)"', page))) <= 1 for each in set(ids))


def test_names_are_escaped_everywhere(make_results, page):
    text = json.dumps(make_results(weeks=2))
    for name in (
        "blended candidates",
        "last week's bestsellers",
        "own purchases",
        "at most 10",
        "blender_score",
        "NDCG@12 decides",
        "0123abc",
    ):
        assert name in text
        text = text.replace(name, json.dumps(f"{HOSTILE}{name}")[1:-1])

    hostile_page = render_page(json.loads(text))

    elements = Elements(hostile_page)
    assert elements.open == []
    assert {tag for tag, _ in elements.found} == {tag for tag, _ in Elements(page).found}
    assert "<script" not in hostile_page
    assert "49{% raw %}" not in hostile_page
    assert "{{ 7 * 7 }}" in hostile_page
    assert "\u202e" not in hostile_page


def test_the_page_is_deterministic_and_the_same_from_a_results_file(make_results, page, tmp_path):
    write_results(make_results(), tmp_path / "results.json")

    write_page(read_results(tmp_path / "results.json"), tmp_path / "page.html")

    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page


def test_the_summary_reports_a_better_and_a_worse_model(make_results, page):
    better, worse = (
        re.search(r'<p class="headline">(.*?)</p>', text)[1] for text in (page, render_page(make_results(0.5)))
    )

    assert "1.08 times" in better
    assert "Significantly higher in 4 of 4 weeks" in better
    assert "0.54 times" in worse
    assert "Significantly lower in 4 of 4 weeks" in worse


def test_the_best_value_of_a_column_is_bold(page):
    row = re.search(r"blended candidates</th>(.*?)</tr>", page)[1]

    assert row.startswith('<td class="start"><b>12.6\xa0%</b></td>')


def test_all_sections_have_tables_and_titles(make_results, page):
    sections = report_sections(make_results())

    assert headings_of(page) == ["Protocol", "Models and baselines", *(section.title for section in sections)]
    assert len(sections) == 12
    for section in sections:
        assert section.tables
        for table in section.tables:
            assert {len(row) for row in table.rows} == {len(table.header)}
        for panel in section.panels:
            assert panel.svg.startswith("<svg")


def test_sections_without_results_are_left_out(make_results):
    minimal = make_results(weeks=1)
    (window,) = minimal["windows"]
    window.update(sources=None, training_history=[], users_new=0)
    del window["filter_costs"], window["rankings"]
    for model in window["models"].values():
        model["new"] = {}
    for baselines in window["comparisons"].values():
        for compared in baselines.values():
            compared["new"] = {}

    page = render_page(combine_windows(minimal["run"], minimal["cutoffs"], minimal["windows"]))

    assert Elements(page).open == []
    assert headings_of(page) == [
        "Protocol",
        "Models and baselines",
        "Recall@k by number of candidates",
        "Paired differences to the baselines",
        "Recall by popularity of the item",
        "Recall by activity of the user",
        "Recall of cold items",
        "Catalogue coverage and popularity bias",
    ]


def test_a_small_catalogue_has_other_cutoffs(make_results):
    text = json.dumps(make_results(weeks=1))
    for number in ("50", "100", "300"):
        text = re.sub(rf'"(?:recall|hit_rate)@{number}": \[[^]]*\],? ?', "", text)
    small = json.loads(text.replace("@12", "@7"))
    (window,) = small["windows"]
    window.update(sources=None, comparisons={})

    page = render_page(combine_windows(small["run"], [7], small["windows"]))

    assert "recall @7" in page
    assert "among the first 7 candidates" in page
