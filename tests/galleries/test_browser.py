"""Pages in a real browser without a network: they work, by mouse and by keyboard, for everyone."""

from __future__ import annotations

import csv
import json
import os

import pandas as pd
import pytest

import fastdup_gpu as fastdup
from fastdup_gpu.analysis import decisions
from fastdup_gpu.galleries import report
from galleries import browsing

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(browsing.missing()), reason=browsing.missing()),
]
TABS = "overview duplicates components outliers similarity statistics map bad".split()
OPEN_TAB = "document.getElementById('tab-' + arguments[0]).click()"
# A range input that is moved by script tells nobody, so the event is sent along.
MOVE = """
const [selector, at, value] = arguments;
const input = document.querySelectorAll(selector)[at];
input.value = value;
input.dispatchEvent(new Event("input", {bubbles: true}));
"""


@pytest.fixture
def duplicates(browser, run, tmp_path):
    assert fastdup.create_duplicates_gallery(run.work_dir, tmp_path) == 0
    return browser.open(tmp_path / "duplicates.html")


def loaded(browser):
    """Whether every picture in view has arrived."""
    return browser.run(
        "const shown = [...document.querySelectorAll('section:not([hidden]) img[src]')];"
        "return shown.length > 0 && shown.every(i => i.complete && i.naturalWidth > 0)"
    )


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_without_complaint(browser, page, tab):
    browser.open(page)
    browser.run(OPEN_TAB, tab)
    assert browser.visible("section")
    if tab not in ("map", "bad"):
        assert loaded(browser)
    assert browser.complaints() == []


@pytest.mark.parametrize("lazy", [False, True])
def test_pictures_appear(browser, run, tmp_path, lazy):
    fastdup.create_outliers_gallery(run.work_dir, tmp_path, lazy_load=lazy)
    assert loaded(browser.open(tmp_path / "outliers.html"))
    assert browser.complaints() == []


def test_slider_narrows_the_list_and_counts_all(duplicates):
    assert len(duplicates.visible(".card")) == 4
    assert "4 pairs: 5 images in 1 group, 4 could be removed" in duplicates.find(".counts").text
    duplicates.run(MOVE, ".threshold", 0, 100)
    assert duplicates.visible(".card") == []
    duplicates.find(".threshold").send_keys(*["\ue012"] * 20)  # arrow left
    shown = duplicates.visible(".card .value")
    assert 0 < len(shown) < 4
    assert f"{len(shown)} pair" in duplicates.find(".counts").text


def test_search_finds_names(duplicates):
    duplicates.keys("/")
    assert duplicates.run("return document.activeElement.type") == "search"
    duplicates.keys("e.PNG")
    assert len(duplicates.visible(".card")) == 1
    assert "1 pair shown" in duplicates.find(".counts").text


def test_histogram_range_narrows_the_list(browser, run, tmp_path):
    fastdup.create_stats_gallery(run.work_dir, tmp_path, metric="mean")
    browser.open(tmp_path / "mean.html")
    assert "8 of 8 images" in browser.find(".counts").text
    browser.run(MOVE, ".end", 0, 30)
    assert "4 of 8 images · 4 images shown" in browser.find(".counts").text
    browser.run(MOVE, ".end", 1, 40)
    assert "1 of 8 images · 1 image shown" in browser.find(".counts").text


def focused(browser):
    return browser.run("return document.activeElement.getAttribute('aria-label')")


def test_arrows_go_from_picture_to_picture_and_space_marks(duplicates):
    duplicates.run("document.querySelector('.view').focus()")
    assert focused(duplicates).startswith("Open a.png")
    duplicates.keys("\ue014")  # arrow right
    assert focused(duplicates).startswith("Open b.png")
    duplicates.keys(" ")
    assert len(duplicates.all("figure.marked")) == 1
    assert duplicates.find("#status").get_attribute("textContent").startswith("1 image marked")
    duplicates.keys("\ue012")
    assert focused(duplicates).startswith("Open a.png")
    duplicates.keys("\ue015")  # arrow down: the first pair of the second row
    assert focused(duplicates).startswith("Open d.png")


def test_only_one_picture_is_a_tab_stop(duplicates):
    assert len(duplicates.all('.view[tabindex="0"]')) == 1


def test_a_mark_shows_wherever_the_picture_is(duplicates):
    duplicates.find('input[aria-label="Mark a.png for deletion"]').click()
    assert len(duplicates.all("figure.marked")) == 2
    duplicates.find("#clear").click()
    assert duplicates.all("figure.marked") == []


def asks_before_it_goes(browser):
    return browser.run(
        "const leaving = new Event('beforeunload', { cancelable: true });"
        "dispatchEvent(leaving); return leaving.defaultPrevented;"
    )


def test_marked_pictures_download_as_decisions(duplicates, run):
    assert not duplicates.find("#download").is_enabled()
    assert not asks_before_it_goes(duplicates)
    duplicates.find(".suggest").click()
    assert asks_before_it_goes(duplicates)
    duplicates.find("#download").click()
    assert not asks_before_it_goes(duplicates)
    content = json.loads(duplicates.downloaded("decisions.json"))
    assert content["format"] == "fastdup-gpu decisions 1"
    assert content["work_dir"] == str(run.work_dir)
    marked = {entry["name"][-5:] for entry in content["delete"]}
    assert marked == {"a.png", "d.png"}  # c.png stays, as d.png, which it is like, goes


def test_suggestion_heeds_the_slider(duplicates):
    duplicates.run(MOVE, ".threshold", 0, 80)
    duplicates.find(".suggest").click()
    assert {e.get_attribute("textContent") for e in duplicates.all(".marked .name")} == {"a.png"}


def test_compare_side_by_side_flicker_and_difference(duplicates):
    duplicates.run("document.querySelector('.view').focus()")
    duplicates.keys("\ue007")  # enter
    assert len(duplicates.all("#compare[open] .stage.side figure")) == 2
    duplicates.keys("3")
    blend = "return getComputedStyle(document.querySelector('.over img + img')).mixBlendMode"
    assert duplicates.run(blend) == "difference"
    duplicates.keys("2")
    shown = "return [...document.querySelectorAll('.over img')].findIndex(i => !i.hidden)"
    first = duplicates.run(shown)
    assert duplicates.wait(f"return ({shown[7:]}) !== {first}")
    duplicates.keys("\ue014")
    assert "d.png" in duplicates.find(".stage").text
    duplicates.keys("\ue00c")  # escape
    assert duplicates.all("#compare[open]") == []
    assert focused(duplicates).startswith("Open")


def test_nothing_moves_by_itself_where_motion_is_unwanted(browser, page):
    browser.open(page, prefers_reduced_motion="reduce")
    browser.run(OPEN_TAB, "duplicates")
    browser.find("#view-duplicates .card .end").click()
    browser.find("[data-mode=flicker]").click()
    assert browser.find(".play").text == "Play"
    shown = "return [...document.querySelectorAll('.over img')].findIndex(i => !i.hidden)"
    first = browser.run(shown)
    browser.find(".swap").click()
    assert browser.run(shown) != first


def test_help_opens_by_key_and_closes(duplicates):
    duplicates.keys("?")
    assert duplicates.all("#keys[open]")
    duplicates.keys("\ue00c")
    assert duplicates.all("#keys[open]") == []


def test_tabs_by_arrow_keys_and_address(browser, page):
    browser.open(page)
    browser.run("document.querySelector('[role=tab]').focus()")
    browser.keys("\ue014")
    assert browser.run("return location.hash") == "#duplicates"
    assert [t.text for t in browser.all('[aria-selected="true"]')] == ["Duplicates"]


def test_map_is_linked_to_the_pictures(browser, page):
    browser.open(page)
    browser.run(OPEN_TAB, "map")
    browser.run("document.querySelector('.plot canvas').focus()")
    browser.keys("\ue014", " ")
    assert len(browser.all("aside figure.marked")) == 1
    assert len(browser.all("aside .near img[src]")) == 6


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_until_chosen(browser, page, scheme):
    def light():
        color = browser.run("return getComputedStyle(document.body).backgroundColor")
        return sum(map(int, color[4:-1].split(","))) > 380

    browser.open(page, prefers_color_scheme=scheme)
    assert light() == (scheme == "light")
    browser.find("#theme").click()
    assert light() == (scheme == "dark")


@pytest.mark.parametrize("tab", TABS)
def test_narrow_windows_need_no_sideways_scrolling(browser, page, tab):
    browser.open(page, width=320)
    browser.run(OPEN_TAB, tab)
    assert browser.run("return document.documentElement.scrollWidth") <= 320


def test_hostile_names_and_labels_stay_text(browser, hostile):
    path = report.write_report(hostile.work_dir, get_label_func=lambda name: f"<b>{name[-30:]}")
    browser.open(path)
    for tab in TABS:
        browser.run(OPEN_TAB, tab)
    assert loaded(browser.open(path))
    assert browser.driver.title == "Report · fastdup-gpu"
    assert browser.all('img[src="x"], main b b, main script') == []
    assert "<img src=x onerror=" in browser.find("main").get_attribute("textContent")
    assert browser.complaints() == []


def test_hostile_names_come_back_from_the_decision_file(browser, hostile, tmp_path):
    path = report.write_report(hostile.work_dir)
    browser.open(path)
    browser.run(OPEN_TAB, "components")
    browser.run("document.querySelectorAll('#view-components input[type=checkbox]')"
                ".forEach(box => box.click())")  # fmt: skip
    browser.find("#download").click()
    saved = tmp_path / "decisions.json"
    saved.write_text(browser.downloaded("decisions.json"), encoding="utf-8")
    assert sorted(decisions.read_decisions(saved).names) == sorted(hostile.names)


def test_thousands_of_entries_are_built_in_turns(browser, run, tmp_path):
    rows = [(f"{run.names[0]}{i}", i) for i in range(3000)]
    header = tmp_path / "stats.csv"
    with header.open("w", newline="") as stream:
        csv.writer(stream).writerows([("filename", "blur"), *rows])
    fastdup.create_stats_gallery(os.fspath(header), tmp_path, num_images=0)
    browser.open(tmp_path / "blur.html")
    assert len(browser.all(".card")) < 3000  # the page answers before all of it is built
    assert browser.wait("return document.querySelectorAll('.card').length === 3000", 60)


@pytest.mark.parametrize("width", [500, 1400])
def test_rows_of_a_long_list_are_whole_at_any_width(browser, run, tmp_path, width):
    names = [f"{run.names[0]}{i}" for i in range(200)]
    table = pd.DataFrame({"filename": names, "blur": range(200)})
    fastdup.create_stats_gallery(table, tmp_path, num_images=0)
    browser.open(tmp_path / "blur.html", width=900)
    browser.wait("return document.querySelector('[data-ready]') !== null")
    metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    blocks = (
        "const all = [...document.querySelectorAll('.blocks > .list')];"
        "const columns = getComputedStyle(all[0]).gridTemplateColumns.split(' ').length;"
        "const counts = all.map((block) => block.childElementCount);"
    )
    assert browser.wait(
        f"{blocks} return all.length > 2 && counts.slice(0, -1).every(n => n % columns === 0)"
    )
    assert sum(browser.run(f"{blocks} return counts")) == 200
    listed = browser.run("return [...document.querySelectorAll('.name')].map(e => e.textContent)")
    assert listed == [f"a.png{i}" for i in range(200)]


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        ("0.9", "4 pairs: 5 images in 1 group, 4 could be removed"),
        ("0.98", "1 pair: 2 images in 1 group, 1 could be removed"),
    ],
)
def test_card_opens_the_duplicates_at_its_similarity(browser, page, at, counts):
    browser.open(page)
    card = f"//div[@class='numbers']/button[span='Removable at similarity {at}']"
    browser.driver.find_element("xpath", card).click()
    assert browser.find("#view-duplicates .counts b").text == counts
