"""Counting tokens for budgets: exactly where the encoding is at hand, else conservatively, and always labelled."""

from __future__ import annotations

import hashlib
import math
import os
import re
import tempfile
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mnemic.domain.text import FIRST_WIDE

if TYPE_CHECKING:
    from mnemic.protocols import TokenCounter

TokenCounterChoice = Literal["auto", "tiktoken", "heuristic"]

_ENCODING = "o200k_base"
# Where tiktoken keeps the encoding: the SHA-1 of the address it would fetch it from.
_ENCODING_ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
_LOAD_DEADLINE_SECONDS = 5.0
_PIECE = re.compile(
    r"[A-Za-z]++(?!\d)|[!-/:-@\[-`{-~]++"
    r"|(?=[A-Za-z]*+\d)(?=\d*+[A-Za-z])[A-Za-z\d]{6,}+"  # letters and digits mixed, as in ids
    r"|\d++|[A-Za-z]++|[^\W\d_A-Za-z]++"
    r"|[^\S ]\s*+| \s++"  # a single space belongs to the word behind it; a longer run or a line break costs a token
    r"|[^\s]"
)
# What is between single spaces can be counted by itself, unless spaces are part of a longer run.
_RUN = re.compile(r" \s|\s ")
_MOST_REMEMBERED_CHARS = 64


class HeuristicTokenCounter:
    """Rules of thumb for o200k_base, meant to count rather too many than too few.

    Against the real encoding on 1,475 texts (conversations, mails, JSON, code, eight scripts) it counted 20 % too many in
    all, and too few for one text in eighty, by at most 15 %.
    """

    name = "heuristic"

    def count(self, text: str) -> int:
        if _RUN.search(text):
            return _counted(text)
        return sum([
            _counted_again(word) if len(word) <= _MOST_REMEMBERED_CHARS else _counted(word) for word in text.split(" ")
        ])  # fmt: skip


def _counted(text: str) -> int:
    return sum(map(_tokens_in, _PIECE.findall(text)))


_counted_again = lru_cache(maxsize=32_768)(_counted)  # words repeat


def _tokens_in(piece: str) -> int:
    first = piece[0]
    if first.isspace():
        return 1
    if piece.isdecimal():
        return math.ceil(len(piece) / 3)
    if piece.isascii() and piece.isalnum() and not piece.isalpha():
        return math.ceil(len(piece) * 0.6)
    if piece.isascii():
        return math.ceil(len(piece) / (6 if first.isalpha() else 2))
    if not first.isalpha():
        return 2 * len(piece)
    return len(piece) if first >= FIRST_WIDE else math.ceil(len(piece) / 2)


class TiktokenCounter:
    """OpenAI's ``o200k_base`` by tiktoken."""

    name = _ENCODING

    def __init__(self) -> None:
        import tiktoken

        self._encoding = tiktoken.get_encoding(_ENCODING)

    def count(self, text: str) -> int:
        return len(self._encoding.encode_ordinary(text))


def create_token_counter(choice: TokenCounterChoice = "auto") -> TokenCounter:
    """The counter to use.

    ``auto`` takes tiktoken when its encoding is on this machine already and never goes to the network. ``tiktoken`` lets
    it download the encoding, for five seconds at most. Both fall back to the heuristic; the name says which it is.
    """
    if choice == "heuristic" or (choice == "auto" and not is_encoding_cached()):
        return HeuristicTokenCounter()
    loaded: list[TokenCounter] = []

    def load() -> None:
        try:
            loaded.append(TiktokenCounter())
        except Exception:  # no network, a damaged cache: the heuristic serves
            return

    # tiktoken downloads without a time-out of its own.
    thread = threading.Thread(target=load, daemon=True, name="mnemic-tiktoken")
    thread.start()
    thread.join(_LOAD_DEADLINE_SECONDS)
    return loaded[0] if loaded else HeuristicTokenCounter()


def is_encoding_cached() -> bool:
    """Whether tiktoken would find its encoding without the network."""
    default = str(Path(tempfile.gettempdir()) / "data-gym-cache")
    cache = Path(os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR", default)))
    return (cache / hashlib.sha1(_ENCODING_ADDRESS.encode(), usedforsecurity=False).hexdigest()).is_file()
