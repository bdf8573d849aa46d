"""The page in headless Chromium: search, controls, what-if, keyboard, hostile texts, narrow windows, states."""

import contextlib
import json
import re
from pathlib import Path

import pytest
from fixtures.serving import bought_items

CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
HOSTILE = '<img src="x" onerror="window.hacked = true"></title><script>window.hacked = true</script>"\'&amp;'
KEY = "correct horse 12"


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.is_file():
        pytest.skip(f"{CHROMIUM} is not installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*OPTIONS])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, client):
    """Open the page; in the end it must have sent requests to the service alone, and have logged no error."""
    with contextlib.ExitStack() as stack:

        def open_page(fragment="", *, port=client.port, width=1280, scheme="light", prepare=None, errors=()):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.set_default_timeout(20_000)
            requests, logged = [], []
            page.on("request", lambda request: requests.append(request.url))
            page.on("pageerror", lambda error: logged.append(str(error)))
            page.on("console", lambda message: logged.append(message.text) if message.type == "error" else None)
            if prepare is not None:
                prepare(page)
            page.goto(f"http://127.0.0.1:{port}/{fragment}")

            def check():
                page.close()
                own = (f"http://127.0.0.1:{port}/", "data:,")
                assert [url for url in requests if not url.startswith(own)] == []
                assert [text for text in logged if not any(expected in text for expected in errors)] == []

            stack.callback(check)
            return page

        yield open_page


def cards(page):
    """The ids on the cards."""
    return [text.rsplit(" · ", 1)[1] for text in page.locator("#cards .department").all_text_contents()]


def wait_for_cards(page, condition="cards.length > 0"):
    page.wait_for_function(
        "() => { const cards = [...document.querySelectorAll('#cards .card')];"
        " return document.querySelector('main').ariaBusy === 'false' && "
        f"({condition}); }}"
    )


def test_a_user_is_found_by_the_beginning_of_the_id(open_page, client):
    page = open_page()
    page.get_by_role("button", name="0001", exact=True).wait_for()  # users to pick

    page.get_by_role("combobox", name="User").press_sequentially("001")
    page.get_by_role("option", name="0013").click()
    wait_for_cards(page)

    expected = client.candidates(user_id="0013", k=12)["items"]
    assert cards(page) == [item["item_id"] for item in expected]
    assert page.locator("#cards h3").all_text_contents() == [item["name"] for item in expected]
    for item, reasons in zip(expected, page.locator("#cards .reasons").all(), strict=True):
        assert reasons.locator("li").all_text_contents() == item["reasons"]
    assert page.get_by_role("heading", name="Candidates of user 0013").is_visible()
    assert "12 candidates" in page.locator("#announcement").text_content()
    assert page.url.endswith("/#0013")
    for stage in ("queue", "features", "query", "exclusions", "retrieval", "ranking", "reasons"):
        assert page.locator("#latency-stages").get_by_text(stage, exact=True).is_visible()


def test_the_time_line_has_each_item_that_the_user_bought(open_page, served_project):
    page = open_page("#0003")
    wait_for_cards(page)

    bought = bought_items(served_project.raw)["0003"]
    assert page.locator("#timeline circle").count() == len(bought)
    assert page.get_by_role("img", name=re.compile(f"{len(bought)} items")).is_visible()
    page.get_by_text("Purchases as a table").click()
    assert page.locator("#history-table tbody tr").count() == len(bought)


def test_controls_change_the_candidates_and_show_the_reason_of_each_exclusion(open_page, client, served_project):
    bought = bought_items(served_project.raw)["0003"]
    page = open_page("#0003")
    page.get_by_role("spinbutton", name="Candidates").fill("60")
    page.get_by_role("spinbutton", name="Candidates").blur()
    wait_for_cards(page, "cards.length > 12")
    assert {*cards(page)} & bought

    page.get_by_role("spinbutton", name="Candidates").fill("5")
    page.get_by_label("Items already bought").select_option("exclude")
    wait_for_cards(page, "cards.length === 5")
    page.locator("#filters-note", has_text="already bought").wait_for()

    expected = client.candidates(user_id="0003", k=5, filters={"already_bought": "drop"})["items"]
    assert cards(page) == [item["item_id"] for item in expected]
    excluded = page.locator("#steps section").nth(1)
    assert excluded.locator("s").count() > 0
    assert "bought the item before" in excluded.locator(".why").first.text_content()
    ranked = page.locator("#steps section").nth(2)
    assert (ranked.locator("li").count(), ranked.locator("s").count()) == (5, 0)

    page.get_by_label("Items already bought").select_option("exclude if recent")
    page.get_by_label("Recent: days").fill("20")
    page.get_by_label("Per department").fill("1")
    page.get_by_label("Per department").blur()
    page.locator("#filters-note", has_text="cool").wait_for()
    wait_for_cards(page, "cards.length <= 4")
    groups = [text.split(" · ")[0] for text in page.locator("#cards .department").all_text_contents()]
    assert len(groups) == len({*groups}) == 4


def test_a_wrong_value_is_not_sent(open_page):
    page = open_page("#0003")
    wait_for_cards(page)

    page.get_by_role("spinbutton", name="Candidates").fill("0")
    page.get_by_role("spinbutton", name="Candidates").blur()

    assert page.locator("#k:invalid").count() == 1
    assert len(cards(page)) == 12


def test_a_purchase_moves_the_candidates_and_is_undone(open_page, client):
    page = open_page("#0003")
    wait_for_cards(page)
    page.get_by_label("Items already bought").select_option("exclude")
    page.locator("#filters-note", has_text="already bought").wait_for()
    wait_for_cards(page)
    before = cards(page)

    page.locator("#cards button").nth(1).click()
    page.locator("#whatif").wait_for()

    after = cards(page)
    query = {"user_id": "0003", "k": 12, "filters": {"already_bought": "drop"}, "buy": [before[1]]}
    expected = client.post("/v1/candidates:steps", query).json
    assert before[1] not in after
    assert after == [item["item_id"] for item in expected["items"]]
    assert "1 excluded" in page.locator("#whatif").text_content()
    assert page.locator("#cards .move").count() == 12
    page.get_by_text(f"{len(expected['left'])} item").click()
    assert page.locator("#whatif s").first.text_content().startswith("#2 ")

    page.get_by_role("button", name="Undo the purchase").click()
    page.locator("#whatif").wait_for(state="hidden")
    assert cards(page) == before
    assert page.locator("#cards .move").count() == 0


def test_the_keyboard_is_enough(open_page):
    page = open_page()
    page.locator("#picks button").first.wait_for()

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the candidates"
    page.keyboard.press("Tab")
    page.keyboard.type("00")
    page.locator("#options li").first.wait_for()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert page.get_by_role("combobox", name="User").get_attribute("aria-activedescendant") == "option-2"
    assert page.locator("#options [aria-selected=true]").text_content() == "0003"
    page.keyboard.press("Enter")
    wait_for_cards(page)
    assert page.get_by_role("combobox", name="User").get_attribute("aria-expanded") == "false"

    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.card') !== null"):
            break
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("What if the user buys")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.locator("#whatif").wait_for()
    page.wait_for_function("document.activeElement.textContent === 'Undo the purchase'")
    page.keyboard.press("Enter")
    page.locator("#whatif").wait_for(state="hidden")


def test_escape_closes_the_suggestions(open_page):
    page = open_page()
    page.get_by_role("combobox", name="User").press_sequentially("00")
    page.locator("#options li").first.wait_for()

    page.keyboard.press("Escape")

    assert page.locator("#options").is_hidden()


def made_hostile(value, name=""):
    """A reply whose texts from the shop's data are markup."""
    if isinstance(value, dict):
        return {key: made_hostile(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [made_hostile(each, name) for each in value]
    shown = {
        "item_id",
        "name",
        "department",
        "reasons",
        "user_ids",
        "user_id",
        "sources",
        "release",
        "excluded_by",
        "bought",
    }
    return HOSTILE if isinstance(value, str) and name in shown else value


def test_ids_and_names_are_never_markup(open_page):
    def answer(route):
        sent = (route.request.post_data or "").replace(json.dumps(HOSTILE), '"0108775007"')
        response = route.fetch(post_data=sent) if sent else route.fetch()
        route.fulfill(response=response, body=json.dumps(made_hostile(response.json())))

    page = open_page(prepare=lambda page: page.route("**/v1/**", answer))
    page.locator("#picks button").first.click()
    wait_for_cards(page)
    page.locator("#cards button").first.click()
    page.locator("#whatif").wait_for()

    assert page.locator("#cards h3").first.text_content() == HOSTILE
    assert page.locator("#candidates-title").text_content() == f"Candidates of user {HOSTILE}"
    assert page.locator("#whatif li button").text_content().startswith(HOSTILE)
    assert page.locator("#release b").first.text_content() == HOSTILE
    assert page.locator("img, script:not(:last-child)").count() == 0
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.scripts.length") == 1


def test_a_user_id_with_markup_and_slashes_is_sent_as_it_is(open_page):
    page = open_page()
    page.get_by_role("combobox", name="User").fill(f"{HOSTILE}/../?#%")

    page.keyboard.press("Enter")
    wait_for_cards(page)

    assert page.locator("#candidates-title").text_content() == f"Candidates of user {HOSTILE}/../?#%"
    assert page.locator("#timeline").text_content() == "This user is unknown."
    assert "unknown user" in page.locator("#candidates-note").text_content()


def test_markup_that_gets_into_the_page_would_not_run(open_page):
    page = open_page(errors=["Content Security Policy", "TrustedHTML"])
    page.locator("#picks button").first.wait_for()

    refused = page.evaluate(
        "text => { try { document.body.innerHTML = text; return false; } catch { return true; } }", HOSTILE
    )

    assert refused
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_window_scrolls_sideways(open_page, width):
    page = open_page("#0003", width=width)
    wait_for_cards(page)
    page.locator("#cards button").first.click()
    page.locator("#whatif").wait_for()
    page.get_by_text("Purchases as a table").click()

    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_a_contrast_of_at_least_4_5(open_page, scheme):
    page = open_page("#0003", scheme=scheme)
    wait_for_cards(page)
    page.get_by_label("Items already bought").select_option("exclude")
    page.locator("#filters-note", has_text="already bought").wait_for()
    page.locator("#cards button").first.click()
    page.locator("#whatif").wait_for()

    lowest = page.evaluate(
        """() => {
          const parse = (text) => text.match(/[\\d.]+/g).map(Number);
          const linear = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
          const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
          const ground = (node) => {
            for (; node; node = node.parentElement) {
              const colour = parse(getComputedStyle(node).backgroundColor);
              if (colour.length === 3 || colour[3] === 1) return colour;
            }
          };
          const found = [];
          for (const node of document.querySelectorAll('body *')) {
            const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
            if (!own || !node.checkVisibility() || ['SCRIPT', 'OPTION'].includes(node.tagName)) continue;
            const style = getComputedStyle(node);
            const [a, b] = [light(parse(node.tagName === 'text' ? style.fill : style.color)), light(ground(node))];
            found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), node.outerHTML.slice(0, 100)]);
          }
          return found.sort((a, b) => a[0] - b[0])[0];
        }"""
    )

    assert lowest[0] >= 4.5, lowest


def test_every_control_has_a_name(open_page):
    page = open_page("#0003")
    wait_for_cards(page)

    for control in page.locator("input, select, button").all():
        name = control.evaluate("node => node.labels?.[0]?.textContent || node.ariaLabel || node.textContent")
        assert name.strip(), control.evaluate("node => node.outerHTML")
    names = page.locator("#cards button").evaluate_all("nodes => nodes.map((node) => node.ariaLabel)")
    assert len({*names}) == len(names)


def test_the_key_is_asked_for_and_a_wrong_one_is_named(open_page, serve, served_project):
    with serve(served_project.repo, served_project.releases, api_key=KEY) as (locked, _):
        page = open_page("#0003", port=locked.port, errors=["401"])
        key = page.get_by_label("API key")
        key.fill("wrong")
        key.press("Enter")
        page.locator("#key-note", has_text="This key is wrong").wait_for()
        key.fill(KEY)
        key.press("Enter")
        wait_for_cards(page)

        assert key.is_hidden()
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]


def test_a_user_without_purchases_and_an_unknown_one_are_told_apart(open_page):
    page = open_page("#0200")
    wait_for_cards(page)
    without = page.locator("#timeline").text_content()
    page.get_by_role("combobox", name="User").fill("nobody")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Candidates of user nobody").wait_for()

    assert without == "This user has bought nothing yet."
    assert page.locator("#timeline").text_content() == "This user is unknown."


def test_an_empty_list_says_what_to_do(open_page):
    page = open_page("#nobody")
    wait_for_cards(page)

    page.route("**/v1/candidates:steps", answer_empty)
    page.get_by_role("spinbutton", name="Candidates").fill("3")
    page.get_by_role("spinbutton", name="Candidates").blur()

    page.get_by_text("The filters exclude every item").wait_for()


def answer_empty(route):
    response = route.fetch()
    route.fulfill(response=response, body=json.dumps({**response.json(), "items": [], "retrieved": [], "excluded": []}))


@pytest.mark.parametrize(
    ("break_it", "shown", "logged"),
    [
        (lambda route: route.abort(), "does not answer", "ERR_FAILED"),
        (lambda route: route.fulfill(status=502, body="<html>Bad gateway</html>"), "status 502", "502"),
        (
            lambda route: route.fulfill(status=503, json={"error": {"code": "x", "message": "Users are waiting."}}),
            "Users are waiting.",
            "503",
        ),
    ],
)
def test_an_error_is_shown_and_the_next_attempt_may_succeed(open_page, break_it, shown, logged):
    page = open_page("#0003", errors=[logged], prepare=lambda page: page.route("**/v1/candidates:steps", break_it))

    page.get_by_role("alert").get_by_text(shown).wait_for()
    assert page.locator("#cards").is_hidden()
    page.unroute("**/v1/candidates:steps")
    page.get_by_role("button", name="Try again").click()
    wait_for_cards(page)

    assert page.get_by_role("alert").is_hidden()


def test_a_late_answer_of_an_earlier_user_is_dropped(open_page):
    slow = []
    page = open_page("#0003")
    wait_for_cards(page)
    page.route(
        "**/v1/candidates:steps",
        lambda route: slow.append(route) if "0001" in route.request.post_data else route.continue_(),
    )

    for user in ("0001", "0013"):
        page.get_by_role("combobox", name="User").fill(user)
        page.keyboard.press("Enter")
    page.get_by_role("heading", name="Candidates of user 0013").wait_for()
    slow[0].continue_()
    page.wait_for_timeout(500)

    assert page.get_by_role("heading", name="Candidates of user 0013").is_visible()
