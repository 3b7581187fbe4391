"""How much of the past is folded, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldingPreset:
    """The parameters of a folding policy. Sizes are tokens unless the name says characters.

    ``style`` is what becomes of a closed chunk: ``atoms`` keeps the values that nothing else shows, ``last`` only its last
    message, ``none`` everything. ``shorten`` writes results shorter as they arrive, which loses nothing.
    """

    style: Literal["atoms", "last", "none"] = "atoms"
    shorten: bool = True
    keep: int = 1
    """Newest chunks that are shown in full, the one at work included; >= 1."""
    maxlen: int = 6
    """Steps after which a chunk is closed whatever happens; >= 1. Agents in text worlds do well with 12."""
    milestones: bool = True
    """Whether the first success of a call that changes something closes a chunk."""
    show_once: bool = True
    """Whether a result is shown in full in one prompt at least, even when it has closed its chunk."""
    show_said_once: bool = False
    """The same for what the agent said. Without it the model reads a user's answer beside the shortened question; with it
    a chat's history costs about a fifth more where the provider caches prompts."""
    live: bool = False
    """Whether records that the conversation has named are kept whole."""
    say_tokens: int = 20
    """What an agent said is kept up to this size; of more, the question it ends with, else its beginning (three times as
    many characters of either), and values."""
    error_tokens: int = 20
    """A failure's message is kept up to this size; of more, two telling lines and values."""
    diff_gain: float = 0.7
    """A result is shown as changes of an earlier one if that takes less than this share of its size, 0..1."""
    min_tokens: int = 16
    """Results up to this size are never shown as a reference; twice as much for changes."""
    dead_share: float = 0.5
    """A folded list of keys and values is written again once this share of its shown lines is overridden, 0..1."""
    gone_cap: int = 20
    """Most values listed as gone from a newer version of a result; >= 0."""
    short_chars: int = 200
    """Results up to this size in characters are kept as they are when they say anything new."""
    last_chars: int = 300
    """With style ``last``: characters kept of a chunk's last message."""
    expected_steps: int | None = None
    """Fold only when it pays within this many more model calls at the prices below; None folds always. Worth it with
    ``keep`` >= 2: an edit that far back makes the provider read much of the prompt anew."""
    read_price: float = 0.1
    """Price of a token that the provider has cached, relative to an uncached one."""
    write_price: float = 1.25
    """Price of a token that the provider caches now, relative to an uncached one."""


PRESETS: dict[str, FoldingPreset] = {
    "lean": FoldingPreset(),
    "live": FoldingPreset(live=True),
    "k2": FoldingPreset(keep=2),
    "lossless": FoldingPreset(style="none"),
    "hiagent": FoldingPreset(style="last", shorten=False, show_once=False, milestones=False, maxlen=1_000_000),
    "none": FoldingPreset(style="none", shorten=False),
}
"""``lean`` folds most, ``live`` keeps named records whole, ``k2`` folds one chunk later, ``lossless`` only shortens,
``hiagent`` keeps the last message of each closed chunk as the paper of that name does, ``none`` changes nothing."""
