"""A real browser and a real `mnemic inspect`, each a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
# For Chromium to start, and for whatever is waited for in it.
_PATIENCE_MS = 120_000
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_path() -> str:
    """The Chromium of this machine; a test that needs it is skipped where there is none."""
    pytest.importorskip("playwright", reason="playwright is not installed (it is in the dev group)")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if not found:
        pytest.skip(f"no Chromium is installed (looked for {', '.join(_NAMES)})")
    return found


@contextmanager
def inspecting(home: Path, *more: str) -> Iterator[str]:
    """The link that a running `mnemic inspect` gives. It must end well when it is told to."""
    command = [sys.executable, "-m", "mnemic_mcp.main", "inspect", "--no-open", "--home", str(home), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said


def new_page(browser: Any, *, width: int, height: int) -> Any:
    """An empty page of so many pixels, in a context of its own, which waits patiently."""
    context = browser.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(_PATIENCE_MS)
    return context.new_page()


@contextmanager
def browsing() -> Iterator[Any]:
    """A Playwright browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Containers run tests as root, where Chromium's sandbox cannot.
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=["--no-sandbox"], timeout=_PATIENCE_MS
        )
        try:
            yield browser
        finally:
            browser.close()
