"""docs/langgraph.md is a notebook that runs: its cells print what it says, and its pictures show what they show now."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.docs.context_pictures import (
    EXAMPLE,
    LONG_HORIZON,
    SUBGOAL,
    long_horizon_picture,
    subgoal_picture,
    words_of,
)
from tests.docs.langgraph_page import PAGE, run_page

AGAIN = "run: make page"
MAX_BYTES = 200_000


async def test_the_cells_print_what_the_page_says_and_the_first_picture_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = PAGE.read_text(encoding="utf-8")
    made, session = await run_page(page)
    assert made == page, AGAIN
    drawn = (ROOT / "docs" / SUBGOAL).read_text(encoding="utf-8")
    assert words_of(drawn) == words_of(subgoal_picture(session)), AGAIN


async def test_a_page_that_says_something_else_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cell = "```python\nimport asyncio\nprint(await asyncio.sleep(0, 7))\n```\n\n```text\n{}\n```\n"
    made, session = await run_page(f"Words.\n{cell.format(8)}More.\n")
    assert made == f"Words.\n{cell.format(7)}More.\n" and "asyncio" in session
    with pytest.raises(AssertionError, match="Cell 1 prints '7"):
        await run_page(cell.partition("```text")[0])


def test_the_long_prompt_is_drawn_as_it_is() -> None:
    if not EXAMPLE.exists():
        pytest.skip("integrations/examples is not in the wheel, and the sources are not here")
    drawn = (ROOT / "docs" / LONG_HORIZON).read_text(encoding="utf-8")
    assert words_of(drawn) == words_of(long_horizon_picture()), AGAIN


def test_the_page_and_its_pictures_are_small_and_fetch_nothing() -> None:
    pictures = [ROOT / "docs" / name for name in (SUBGOAL, LONG_HORIZON)]
    assert sum(path.stat().st_size for path in [PAGE, *pictures]) < MAX_BYTES
    for picture in pictures:
        text = picture.read_text(encoding="utf-8")
        assert "url(http" not in text and "href" not in text and "@font-face" not in text
        assert f"({picture.name})" in PAGE.read_text(encoding="utf-8")
