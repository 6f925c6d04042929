"""Pages are for everyone: axe-core finds no serious fault in any view."""

from __future__ import annotations

import pytest

from galleries import browsing
from galleries.test_browser import OPEN_TAB, TABS, pytestmark  # noqa: F401


@pytest.mark.skipif(browsing.axe_script() is None, reason="axe-core-python is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser, page, scheme):
    axe = browsing.axe_script()
    browser.open(page, prefers_color_scheme=scheme)
    for tab in TABS:
        browser.run(OPEN_TAB, tab)
        assert browser.axe(axe) == [], tab
    browser.run(OPEN_TAB, "duplicates")
    browser.run("document.querySelector('#view-duplicates input[type=checkbox]').click()")
    browser.run("document.querySelector('#view-duplicates .view').click()")
    for mode in ("side", "flicker", "difference"):
        browser.find(f"[data-mode={mode}]").click()
        assert browser.axe(axe) == [], mode
