"""Take the screenshots of the page in README.md and docs/online-service.md from a running service, in Chromium.

python benchmarks/page_screenshots.py --user 2070
python benchmarks/page_screenshots.py --user 2070 --url http://127.0.0.1:8080 --output /tmp/screenshots
"""

from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click
from playwright.sync_api import Browser, Page, sync_playwright

_ROOT: Final = Path(__file__).resolve().parents[1]
_OPTIONS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_WIDE: Final = {"width": 1280, "height": 900}
_NARROW: Final = {"width": 390, "height": 844}


@click.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Of the running service.")
@click.option("--user", required=True, help="Whose candidates are shown.")
@click.option("--output", type=click.Path(path_type=Path), default=_ROOT / "docs", help="Folder.  [default: docs]")
@click.option("--chromium", default="/usr/bin/chromium", show_default=True, help="The browser.")
def main(url: str, user: str, output: Path, chromium: str) -> None:
    """Write page.png, page_steps.png, page_what_if.png and page_narrow.png."""
    output.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*_OPTIONS])
        page = _open(browser, url, user, _WIDE, "light")
        page.screenshot(path=output / "page.png")
        _exclude_recent(page)
        page.locator("#three-steps").evaluate("node => window.scrollTo(0, node.offsetTop - 12)")
        page.screenshot(path=output / "page_steps.png")
        page = _open(browser, url, user, _WIDE, "dark")
        _exclude_recent(page)
        page.locator("#cards button").nth(1).click()
        page.locator("#whatif").wait_for()
        page.locator("#candidates").evaluate("node => window.scrollTo(0, node.offsetTop - 190)")
        page.locator("#whatif summary").click()
        page.screenshot(path=output / "page_what_if.png")
        page = _open(browser, url, user, _NARROW, "dark")
        page.locator("#candidates").evaluate("node => window.scrollTo(0, node.offsetTop - 400)")
        page.screenshot(path=output / "page_narrow.png")
        browser.close()
    for path in sorted(output.glob("page*.png")):
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


def _open(browser: Browser, url: str, user: str, size: Any, scheme: Any) -> Page:
    page = browser.new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    page.goto(f"{url}/#{quote(user, safe='')}")
    page.locator("#cards .card").first.wait_for()
    page.locator('main[aria-busy="false"]').wait_for()
    return page


def _exclude_recent(page: Page) -> None:
    """Exclude the items that the user bought in the last two weeks."""
    page.select_option("#bought", "cool-down")
    page.fill("#days", "14")
    page.locator("#days").blur()
    page.locator("#steps .why").first.wait_for()


if __name__ == "__main__":
    main()
