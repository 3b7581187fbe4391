"""Passages of any text whatever: spans that cover it in order, bounded, in linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.domain.passages import LONG_FROM, MOST, is_long, passages

MARKDOWN = [
    "\n\n",
    "# Heading\n",
    "- item one\n",
    "1. ",
    "| a | b |\n",
    "```\n",
    "~~~~\n",
    "x = f(y)\n",
    "code();" * 100,
]
PROSE = ["word ", "A sentence. ", "Ends here!\n", "... ?! ", "    \t", "\r\n", "x" * 700, "\u2028", "\x00"]
WIDE = ["这是一个没有空格的句子。", "东京都" * 150, "\U0001f600" * 90, "e\u0301" * 50]
PIECES = st.sampled_from([*MARKDOWN, *PROSE, *WIDE])
TEXTS = st.one_of(st.lists(PIECES, max_size=300).map("".join), st.text(max_size=3_000))


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_spans_are_in_order_disjoint_bounded_and_leave_out_nothing_but_white_space(text: str) -> None:
    spans = passages(text)
    if not is_long(text):
        assert spans == ()
        return
    last = 0
    for start, end in spans:
        assert last <= start < end <= len(text)
        assert not text[last:start].strip()
        assert text[start:end] == text[start:end].strip()
        assert end - start <= 4 * MOST
        last = end
    assert not text[last:].strip()
    assert len(spans) <= 4_096 or len(text) > 100_000


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.text(alphabet="abc de.\n", min_size=LONG_FROM, max_size=3_000))
def test_without_code_no_passage_is_longer_than_the_most(text: str, prose: str) -> None:
    for one in (text.replace("`", "").replace("~", ""), prose):
        assert all(end - start <= MOST for start, end in passages(one))


@pytest.mark.slow
def test_a_megabyte_of_anything_is_cut_in_time() -> None:
    for piece in (
        "word ",
        "x",
        "A sentence. It ends! ",
        "a\n",
        "# a\n",
        ", ",
        ".",
        "```\n",
        "- a\n",
        "这是句子。",
        "é. ",
    ):
        text = piece * (1_000_000 // len(piece))
        started = time.thread_time()
        assert len(passages(text)) > 1_000_000 // (4 * MOST)
        # Half a second where nothing else runs; what is not linear takes minutes.
        assert time.thread_time() - started < 10
