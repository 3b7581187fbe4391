"""The documents that hosts frame: one file each, put together from the pieces beside and the inspector's style sheet.

They may run their own script and nothing else: its hash stands in a content security policy inside the document, which
only narrows what the host allows.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from pathlib import Path

from mnemic import __version__

_FOLDER = Path(__file__).parent / "pieces"
_STYLE = _FOLDER.parents[1] / "inspector" / "static" / "style.css"
_DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{\s*:root \{(?P<colours>[^}]*)\}\s*\}")


@functools.cache
def recall_document() -> str:
    """Why recall answered so, with a way to what waits for review."""
    return _document("Why these memories", ("bridge.js", "showing.js", "review.js", "recall.js"))


@functools.cache
def review_document() -> str:
    """What waits for review."""
    return _document("What waits for review", ("bridge.js", "showing.js", "review.js", "review_alone.js"))


def _document(title: str, pieces: tuple[str, ...]) -> str:
    # Imported here: the words for the parts of a score are the inspector's, which brings a web framework along.
    from mnemic_mcp.inspector.recall_view import ALL_PARTS, MEANINGS

    known = {"title": title, "version": __version__, "parts": [[name, MEANINGS[name]] for name in ALL_PARTS]}
    script = "\n".join(
        [
            "(() => {",
            '"use strict";',
            f"const KNOWN = {json.dumps(known)};",
            *(_read(piece) for piece in pieces),
            "})();",
        ]
    )
    style = _themed(_STYLE.read_text(encoding="utf-8")) + _read("app.css")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'; "
        "form-action 'none'"
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title} · mnemic</title>\n'
        f"<style>{style}</style>\n</head>\n<body>\n"
        f'<main id="view" aria-busy="true"><h1 class="hidden-title">{title}</h1>'
        f'<p class="empty">Nothing has been recalled yet.</p></main>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _read(piece: str) -> str:
    return (_FOLDER / piece).read_text(encoding="utf-8")


def _themed(style: str) -> str:
    """The inspector's style sheet, whose dark colours follow the host where it says light or dark, else the system."""
    dark = _DARK.search(style)
    assert dark is not None, "the inspector's style sheet has no dark colours any more"
    colours = dark["colours"]
    return _DARK.sub(
        lambda _: (
            f"@media (prefers-color-scheme: dark) {{ :root:not([data-theme]) {{{colours}}} }}\n"
            f":root[data-theme=dark] {{{colours} color-scheme: dark; }}\n:root[data-theme=light] {{ color-scheme: light; }}"
        ),
        style,
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
