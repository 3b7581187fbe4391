"""Texts that ask and tell nothing."""

from __future__ import annotations

import pytest

from mnemic.retrieval.bare_questions import only_asks


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Where did you grow up?", True),
        ("Oh, nice. What about you? And your sister?", True),
        ("how old are you", True),
        ("haha what time is it there", True),
        ("who brings the salad", True),
        ("週末どうだった？", True),
        ("I grew up in Nevada. And you?", False),
        ("I grew up in Nevada", False),
        ("when I was small we lived in Nevada", False),
        ("what a weekend", False),
        ("why are you late. the soup is cold", False),
        ("", False),
        ("? " * 400, False),
    ],
)
def test_a_text_only_asks_where_it_tells_no_more_than_a_few_words(text: str, asks: bool) -> None:
    assert only_asks(text) is asks
