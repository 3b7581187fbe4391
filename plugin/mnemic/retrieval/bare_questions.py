"""Texts that ask and tell nothing."""

from __future__ import annotations

import re

_SENTENCE = re.compile(r"([^.!?\u2026\u3002\uff01\uff1f\n]*)([.!?\u2026\u3002\uff01\uff1f\n]*)")
_MARK = re.compile(r"[.!?\uff1f]")
_DO = "is|are|r|was|were|am|do|does|did|have|has|had|can|could|will|would|should"
# How people begin a question in a chat, where they leave out its mark. Not every "when" asks: "when I was small".
_BEGINS = re.compile(
    rf"(?:(?:and|so|but|oh|well|ok|okay|hey|lol|haha|wait|btw)[ ,]+)*"
    rf"(?:(?:what|where|when|why|how|which one)\s+(?:{_DO}|u|you)\b|who\b|(?:what|where|how)['\u2019]?s\b"
    rf"|what\s+(?:about|time|kind|day|year|colou?r|else|other|happened)\b|how\s+(?:about|much|many|long|old|often|far|come)\b"
    rf"|(?:{_DO})\s+(?:you|u)\b|(?:can|should)\s+we\b)",
    re.IGNORECASE,
)
_LONGEST = 600
_FEW_TOLD = 3
_FEW_ASKED = 20


def only_asks(text: str) -> bool:
    """Whether all that a text says are questions, but for a few words such as "Oh, nice."

    One without any mark at the end of a sentence counts if it is short and begins as questions do in English.
    """
    if len(text) > _LONGEST:
        return False
    if "?" in text or "\uff1f" in text:
        told = (sentence for sentence, mark in _SENTENCE.findall(text) if "?" not in mark and "\uff1f" not in mark)
        return sum(len(sentence.split()) for sentence in told) <= _FEW_TOLD
    return _BEGINS.match(text) is not None and _MARK.search(text) is None and len(text.split()) <= _FEW_ASKED
