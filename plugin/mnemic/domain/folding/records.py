"""The records of a result that the conversation has named."""

from __future__ import annotations


def named_records(text: str, short: str, mentioned: set[str]) -> str:
    return ""
