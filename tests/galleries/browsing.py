"""A headless Chromium that reaches no network, or the reason why there is none."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
ARGUMENTS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage --window-size=1400,1000"
).split()


def missing():
    """What is missing for browser tests; '' where nothing is."""
    if importlib.util.find_spec("selenium") is None:
        return "selenium is not installed"
    return "" if CHROMIUM and DRIVER else "chromium and chromedriver are not installed"


def axe_script():
    """The text of axe-core, from AXE_CORE=path or the package axe-core-python; None without."""
    if os.environ.get("AXE_CORE"):
        return Path(os.environ["AXE_CORE"]).read_text(encoding="utf-8")
    found = importlib.util.find_spec("axe_core_python")
    if found is None:
        return None
    return (Path(found.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


class Browser:
    """One browser for many pages."""

    def __init__(self, downloads):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        profile = tempfile.mkdtemp(prefix="profile-", dir=downloads)
        arguments = [*ARGUMENTS, f"--user-data-dir={profile}"]
        for argument in [*arguments, "--host-resolver-rules=MAP * ~NOTFOUND"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.driver.set_script_timeout(60)
        self.downloads = downloads
        allow = {"behavior": "allow", "downloadPath": str(downloads)}
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", allow)

    def open(self, path, width=1400, **media):
        """Open a page, with media features such as prefers_color_scheme='dark'."""
        features = [{"name": k.replace("_", "-"), "value": v} for k, v in media.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get("about:blank")  # so that opening the same page again loads it again
        self.driver.get_log("browser")
        self.driver.get(Path(path).absolute().as_uri())
        self.wait("return document.documentElement.hasAttribute('data-started')")
        return self

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, script, seconds=15):
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, seconds, 0.05).until(lambda d: d.execute_script(script))

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def keys(self, *keys):
        """Press keys on what has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def visible(self, selector):
        """The texts of the elements that are shown."""
        return self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter(e => e.offsetParent !== null).map(e => e.textContent)",
            selector,
        )

    def complaints(self):
        """What the console says."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def downloaded(self, name):
        """The text of a downloaded file, once it is whole."""
        path = self.downloads / name
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 15, 0.05).until(lambda _: path.is_file())
        text = path.read_text(encoding="utf-8")
        path.unlink()
        return text

    def axe(self, script):
        """Faults that axe finds serious or critical."""
        self.run(script)
        found = self.driver.execute_async_script(
            "axe.run(document, {resultTypes: ['violations']}).then(arguments[0])"
        )
        return [
            (fault["id"], fault["impact"], [node["html"] for node in fault["nodes"]][:3])
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
        ]
