"""What draws the exports of conversations: `drawn_chatgpt` and `drawn_claude`. ``python -m … FOLDER``

Their owners alone can ask for the real ones. The forms (keys and their order, nesting, nulls, kinds of content, shapes of
branches, forms of numbers and moments, spacing and escapes of the JSON) were read off files that people had published;
every word is invented here, and ids and moments are drawn. ``reported.json`` beside each says what was said, by whom and
when, as the pages of the two services show it. It is known from the writing, not from reading the file again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.moving.peers.writers.drawn_chatgpt import chatgpt_2023, chatgpt_2025, chatgpt_2026
from tests.moving.peers.writers.drawn_claude import claude_2024, claude_2026_03, claude_2026_08


def main(folder: Path) -> None:
    chatgpt_2023(folder / "chatgpt" / "2023-04")
    chatgpt_2025(folder / "chatgpt" / "2025-12")
    chatgpt_2026(folder / "chatgpt" / "2026-08")
    claude_2024(folder / "claude" / "2024-09")
    claude_2026_03(folder / "claude" / "2026-03")
    claude_2026_08(folder / "claude" / "2026-08")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
