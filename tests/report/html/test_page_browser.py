"""The page in a real browser: skipped where there is none, unless FDP_BENCH_REQUIRE_BROWSER is set."""

import base64
import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from pages import HOSTILE, ordinary_records, write_hostile_page, write_page

#: Set where a missing browser is a failure.
REQUIRED = "FDP_BENCH_REQUIRE_BROWSER"
#: Where to keep screenshots for people to look at; nowhere unless set.
SCREENSHOTS = "FDP_BENCH_SCREENSHOTS"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def do_without(reason: str) -> NoReturn:
    if os.environ.get(REQUIRED):
        pytest.fail(f"{reason}, and {REQUIRED} is set")
    pytest.skip(reason)


def programs() -> tuple[str, str]:
    """The browser and its driver."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver", path=os.environ.get("CHROMEWEBDRIVER")) or shutil.which(
        "chromedriver"
    )
    if not browser or not driver:
        do_without(
            f"no {' or '.join(BROWSERS)} with chromedriver on the path (Debian: chromium chromium-driver)"
        )
    return browser, driver


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if importlib.util.find_spec("selenium") is None:
        do_without("selenium is not installed")
    binary, driver_path = programs()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    return write_page(folder, ordinary_records(), strips=True, video=True).as_uri()


def show(
    browser: Any, address: str, *, width: int = 1280, scheme: str = "light", script: bool = True
) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(address)


def column(browser: Any, header: str) -> tuple[Any, list[str]]:
    """A column of the headline table: its header's button and the texts of its cells."""
    table = browser.find_element("css selector", "#success table")
    headers = table.find_elements("css selector", "thead th")
    place = [cell.text.strip(" ↕↑↓") for cell in headers].index(header)
    rows = table.find_elements("css selector", "tbody tr")
    cells = [row.find_elements("css selector", "th, td")[place].text for row in rows]
    return headers[place], cells


def keep(browser: Any, name: str) -> None:
    if not (folder := os.environ.get(SCREENSHOTS)):
        return
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True})
    Path(folder, name).write_bytes(base64.b64decode(shot["data"]))


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_window_and_logs_nothing(
    browser: Any, address: str, width: int, scheme: str
) -> None:
    show(browser, address, width=width, scheme=scheme)
    for part in browser.find_elements("css selector", "details"):
        browser.execute_script("arguments[0].open = true", part)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    wide = browser.execute_script(
        "return [...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, .skip, .hidden-caption, pre')"
        " && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"
    )
    assert wide == []
    assert browser.get_log("browser") == []
    keep(browser, f"report-{width}-{scheme}.png")


def test_light_and_dark_follow_the_reader(browser: Any, address: str) -> None:
    papers, curves = set(), set()
    for scheme in ("light", "dark"):
        show(browser, address, scheme=scheme)
        papers.add(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
        curves.add(browser.execute_script("return document.querySelector('.panels img').currentSrc"))
    assert len(papers) == len(curves) == 2


def test_all_pictures_can_be_drawn(browser: Any, address: str) -> None:
    show(browser, address)
    broken = browser.execute_script(
        "return [...document.images].filter(image => !image.complete || !image.naturalWidth).map(image => image.alt)"
    )
    assert broken == []


def test_a_click_sorts_by_number_and_another_one_turns_it_round(browser: Any, address: str) -> None:
    show(browser, address)
    header, before = column(browser, "success")
    assert header.get_attribute("aria-sort") == "none"
    header.find_element("tag name", "button").click()
    header, ascending = column(browser, "success")
    rates = [int(text.split("%")[0]) for text in ascending]
    assert sorted(ascending) == sorted(before)
    assert rates == sorted(rates)
    assert header.get_attribute("aria-sort") == "ascending"
    header.find_element("tag name", "button").click()
    header, descending = column(browser, "success")
    assert [int(text.split("%")[0]) for text in descending] == rates[::-1]
    assert header.get_attribute("aria-sort") == "descending"


def test_rows_without_a_value_stay_at_the_end(browser: Any, address: str) -> None:
    show(browser, address)
    for _ in range(2):
        header, _cells = column(browser, "clean")
        header.find_element("tag name", "button").click()
        _, cells = column(browser, "clean")
        assert cells[-2:] == ["-", "-"]
        assert "-" not in cells[:-2]


def test_text_sorts_by_the_keyboard(browser: Any, address: str) -> None:
    show(browser, address)
    header, _cells = column(browser, "policy")
    header.find_element("tag name", "button").send_keys("\ue007")
    _, cells = column(browser, "policy")
    assert cells == sorted(cells)
    assert cells[0] == "dp-dit"


def test_arrow_keys_tell_of_one_episode_after_another(browser: Any, address: str) -> None:
    show(browser, address)
    row = browser.find_element("css selector", ".arm .marks")
    row.send_keys("\ue014")
    assert browser.find_element("id", "readout").text.startswith("episode 0, seed 0: ")
    row.send_keys("\ue014")
    assert browser.find_element("id", "readout").text.startswith("episode 1, seed 0: ")


def test_everything_is_there_without_the_script(browser: Any, address: str) -> None:
    show(browser, address, script=False)
    header, cells = column(browser, "success")
    assert header.find_elements("tag name", "button") == []
    assert len(cells) == 8
    assert browser.find_element("css selector", ".arm .marks").is_displayed()


def test_what_looks_like_a_script_is_shown_and_not_run(browser: Any, tmp_path: Path) -> None:
    show(browser, write_hostile_page(tmp_path).as_uri())
    assert "taken" not in browser.title
    assert HOSTILE in browser.find_element("css selector", "#success table").text
    assert browser.execute_script("return document.scripts.length") == 1
    assert browser.get_log("browser") == []
