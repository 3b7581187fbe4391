"""Parts of a text that a machine acts on by their form: turns of a chat, calls, and pictures with a place to fill in."""

from __future__ import annotations

import re

from mnemic.domain.verdict import Span
from mnemic.guard.screening.plain import Plain, holds_any

# What opens a turn or a call in the protocols of models, and as far as it goes. Nobody writes these marks to a person.
_TURNS = re.compile(
    r"<\|im_start\|>\s{0,3}(?:system|developer|user|assistant|tool)\b(?P<a>[^<]{1,2000})"
    r"|<\|start_header_id\|>[^<]{1,40}<\|end_header_id\|>(?P<b>[^<]{1,2000})"
    r"|<\|(?:system|user|assistant)\|>(?P<c>[^<]{1,2000})"
    r"|<start_of_turn>\s{0,3}\w{1,12}\b(?P<d>[^<]{1,2000})"
    r"|<<sys>>(?P<e>[^<]{1,2000})"
    r"|\[inst\](?P<f>[^\[]{1,2000})"
    r"|<(?:invoke|parameter|tool_call|function_calls|tool_result|tool_response)\b[^<>]{0,200}>(?P<g>[^<]{1,2000})"
    r"|\"role\"\s?:\s?\"(?:system|developer|assistant|tool|function)\"\s?,\s?\"content\"\s?:\s?\"(?P<h>[^\"]{1,2000})"
)
_TURN_MARKS = ("<|", "<start_of_turn", "<<sys", "[inst]", "<invoke", "<param", "<tool_", "<function_c", '"role"')
# A call as data: the name of a tool and right behind it what it is to be called with.
_CALLS = re.compile(
    r"\"(?:tool|tool_name|name|function|action)\"\s?:\s?\"[\w.-]{1,80}\"\s?,\s{0,9}"
    r"\"(?:args|arguments|action_input|tool_input)\"\s?:\s?(?:\{(?:[^{}]|\{[^{}]{0,400}\}){1,2000}\}?|\"\s?\{(?:[^\"\\]|\\.){1,2000}\"?)"
)
_CALL_MARKS = ('"args"', '"arguments"', '"action_input"', '"tool_input"')
_WORDS = re.compile(r"\w+\W+\w+\W+\w")
# Fetching a picture tells its server what stands in the address, so a place there that is to be filled in is a leak.
_SLOT = r"(?:[{<$%\u2026]|\.\.\.|\[|\b[A-Z]{2,}(?:_[A-Z]+)+\b)"
_PICTURES = re.compile(
    rf"!\[[^\]\n]{{0,200}}\]\(\s{{0,3}}https?://[^)\s]{{0,400}}?{_SLOT}[^)\n]{{0,400}}\)?"
    rf"|<img\b[^>]{{0,200}}?\bsrc\s?=\s?[\"']?https?://[^\"'\s>]{{0,400}}?{_SLOT}[^>]{{0,400}}>?"
)


def machine_parts(plain: Plain) -> list[Span]:
    """The ranges of the original text with the contents of such turns, such calls, and such pictures. Linear."""
    found: list[Span] = []
    if holds_any(plain.low, _TURN_MARKS):
        for match in _TURNS.finditer(plain.low):
            start, end = next(match.span(name) for name, said in match.groupdict().items() if said is not None)
            if _WORDS.search(plain.low, start, end):
                found.append(plain.span(start, end))
    if holds_any(plain.low, _CALL_MARKS):
        found += [plain.span(*match.span()) for match in _CALLS.finditer(plain.low)]
    if holds_any(plain.low, ("](http", "<img")):
        found += [plain.span(*match.span()) for match in _PICTURES.finditer(plain.text)]
    return found
