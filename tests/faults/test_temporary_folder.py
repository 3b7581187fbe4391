"""Where the library that injects faults cannot be loaded from."""

from __future__ import annotations

import pytest

from tests.soak import faultfs


@pytest.mark.parametrize("folder", ["/tmp/a b", "/tmp/a:b"])
def test_a_folder_that_a_preload_cannot_name_is_told_and_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setattr("tests.soak.faultfs.sys.platform", "linux")
    monkeypatch.setattr("tests.soak.faultfs.shutil.which", lambda _: "/usr/bin/cc")
    monkeypatch.setattr("tests.soak.faultfs.tempfile.gettempdir", lambda: folder)
    assert "TMPDIR" in (faultfs.missing() or "")
