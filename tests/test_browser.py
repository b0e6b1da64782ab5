"""The page in a real browser: pictures draw, hovering works, nothing fails or is asked for."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from test_page import curves, largest, report, verdict
from unstuck import registry
from unstuck.record import Recorder, read
from unstuck.report import Report
from unstuck.report.html import page
from unstuck.report.page import frame
from unstuck.report.server import Server

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="needs Debian's packages chromium and chromium-driver",
)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
HOVERED = (
    "return [...document.querySelectorAll('.hoverlayer text')].map((t) => t.textContent).join()"
)


class Browser:
    """A Chromium that says what it was asked to show and what went wrong."""

    def __init__(self, folder: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))

    def show(self, address: str, size: str = "desktop", colours: str = "light") -> None:
        """Open a page and wait until its pictures are drawn."""
        width, height = SIZES[size]
        screen = {"width": width, "height": height, "deviceScaleFactor": 1}
        self.command("Emulation.setDeviceMetricsOverride", **screen, mobile=size == "phone")
        colour = {"name": "prefers-color-scheme", "value": colours}
        self.command("Emulation.setEmulatedMedia", features=[colour])
        self.driver.get(address)
        self.wait("document.documentElement.dataset.drawn")

    def command(self, name: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, arguments)

    def ask(self, expression: str) -> Any:
        return self.driver.execute_script(f"return {expression}")

    def wait(self, expression: str) -> Any:
        return WebDriverWait(self.driver, 60).until(lambda _: self.ask(expression))

    def asked_for(self) -> list[str]:
        """Return the addresses that were asked for since the last call."""
        events = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def errors(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.driver.quit()


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page that has every kind of picture."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    trials = [
        {"remedies": ["use-relu"], "seed": 0, "steps": 9, "objective": 1.0, "status": "stopped"}
    ]
    sick = registry.obstacle("saturated-activation").SICK
    path.write_text(page(report(sick, verdict=verdict(), trials=trials, curves=curves())))
    return path


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pictures_draw_and_fit(browser: Browser, fixed: Path, size: str, colours: str) -> None:
    browser.asked_for()
    browser.show(fixed.as_uri(), size, colours)
    drawn = browser.ask(
        "[...document.querySelectorAll('.plot')].map((p) => p.querySelectorAll('.main-svg').length)"
    )
    assert len(drawn) >= 7
    assert min(drawn) >= 1
    lines, maps = (
        browser.ask(f"document.querySelectorAll('.plot {kind}').length")
        for kind in (".scatterlayer .trace", ".heatmaplayer image")
    )
    assert lines >= 10
    assert maps >= 4
    assert browser.ask("document.documentElement.scrollWidth <= window.innerWidth")
    assert browser.errors() == []
    asked = [url for url in browser.asked_for() if not url.startswith(("data:", "blob:"))]
    assert asked == [fixed.as_uri()]
    ink = browser.ask("getComputedStyle(document.querySelector('.xtick text')).fill")
    assert (ink == "rgb(27, 31, 36)") == (colours == "light")


FIRST = """\
new MutationObserver((_, watching) => {
  if (document.querySelector(".plot .main-svg")) {
    window.firstPicture = performance.now();
    watching.disconnect();
  }
}).observe(document, {subtree: true, childList: true});
"""
"""Notes the milliseconds from asking for a page to its first picture."""


def test_the_largest_page_opens_at_once(browser: Browser, tmp_path: Path) -> None:
    """A million steps of 200 layers: read at once, with a picture in less than two seconds."""
    path = tmp_path / "report.html"
    path.write_text(page(report(largest())))
    added = browser.command("Page.addScriptToEvaluateOnNewDocument", source=FIRST)
    took = []
    for _ in range(3):  # the best of them: a busy machine is slower than a page can be
        browser.show(path.as_uri())
        took.append(browser.ask("window.firstPicture"))
    browser.command("Page.removeScriptToEvaluateOnNewDocument", **added)
    assert 0 < min(took) < 2000
    assert browser.errors() == []


def test_a_finding_shows_its_picture(browser: Browser, tmp_path: Path) -> None:
    """In a notebook: drawn in its frame, and hovering gives numbers."""
    finding = report(registry.obstacle("dead-relu").SICK).findings[0]
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!doctype html><title>n</title>{finding._repr_html_()}")
    browser.driver.get(notebook.as_uri())
    browser.driver.switch_to.frame(0)
    browser.wait("document.documentElement.dataset.drawn")
    assert browser.ask("document.querySelectorAll('.plot .heatmaplayer image').length") == 1
    plot = browser.driver.find_element(By.CSS_SELECTOR, ".plot")
    ActionChains(browser.driver).move_to_element(plot).perform()
    WebDriverWait(browser.driver, 30).until(lambda d: "step " in d.execute_script(HOVERED))
    browser.driver.switch_to.default_content()
    assert browser.ask("document.querySelector('iframe').clientHeight") > 500
    assert browser.errors() == []


def test_hovering_gives_numbers(browser: Browser, fixed: Path) -> None:
    browser.show(fixed.as_uri())
    plots = browser.driver.find_elements(By.CSS_SELECTOR, ".plot")
    titles = [p.find_element(By.XPATH, "preceding-sibling::h3").text for p in plots]
    for title, said in (("Loss", "training loss"), ("Gradient", "step ")):
        plot = plots[titles.index(title)]
        browser.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)
        ActionChains(browser.driver).move_to_element(plot).perform()
        WebDriverWait(browser.driver, 30).until(
            lambda driver, said=said: said in driver.execute_script(HOVERED)
        )
        assert any(c.isdigit() for c in browser.driver.execute_script(HOVERED))


def test_paper_is_white_and_explanations_are_on_it(browser: Browser, fixed: Path) -> None:
    browser.show(fixed.as_uri(), colours="dark")
    browser.driver.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.ask("[...document.querySelectorAll('article > details')].every((d) => d.open)")
    assert (
        browser.ask(
            "Math.max(...[...document.querySelectorAll('.main-svg')].map((s) => s.clientWidth))"
        )
        <= 700
    )
    browser.command("Emulation.setEmulatedMedia", media="print")
    assert browser.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert (
        browser.ask("getComputedStyle(document.querySelector('.xtick text')).fill")
        == "rgb(0, 0, 0)"
    )
    browser.command("Emulation.setEmulatedMedia", media="")


def test_a_screen_reader_finds_everything(browser: Browser, fixed: Path) -> None:
    browser.show(fixed.as_uri())
    nodes = browser.command("Accessibility.getFullAXTree")["nodes"]
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node.get("ignored")
    ]
    roles = {role for role, _ in named}
    assert {"main", "navigation", "banner", "table", "figure", "heading"} <= roles
    pictures = [name for role, name in named if role in ("img", "image")]
    assert len(pictures) >= 7
    assert all(len(name) > 30 for name in pictures)


def test_a_notebook_shows_it_in_a_frame(browser: Browser, fixed: Path, tmp_path: Path) -> None:
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!doctype html><title>n</title><p>before</p>{frame(fixed.read_text())}")
    browser.driver.get(notebook.as_uri())
    inside = "document.querySelector('iframe').contentDocument"
    browser.wait(f"{inside}.documentElement.dataset.drawn")
    assert browser.ask(f"{inside}.querySelectorAll('.main-svg').length") >= 7
    assert browser.ask("document.querySelector('iframe').clientHeight") > 1000
    assert browser.errors() == []


def test_a_live_page_grows(browser: Browser, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.db")
    loss = recorder.source(0, "", ["loss"])
    for step in range(50):
        recorder.append(loss, step, 1 / (step + 1))
    recorder.commit()

    def make() -> Report:
        return Report(read(tmp_path / "run.db"), [])

    server = Server(str(tmp_path / "run.db"), make)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        browser.asked_for()
        browser.show(server.address)
        assert browser.ask("document.querySelector('.meta').textContent").startswith("50 steps")
        for step in range(50, 90):
            recorder.append(loss, step, 1 / (step + 1))
        recorder.commit()
        browser.wait("document.querySelector('.meta').textContent.startsWith('90 steps')")
        browser.wait("document.querySelector('.plot .main-svg') !== null")
        assert browser.errors() == []
        urls = [url for url in browser.asked_for() if not url.startswith(("data:", "blob:"))]
        assert all(url.startswith(server.address) for url in urls)
    finally:
        browser.driver.get("about:blank")
        server.stop()
        thread.join()
        recorder.close()
