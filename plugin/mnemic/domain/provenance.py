"""Where a memory came from. Bound once, when it is written, and never changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Channel(StrEnum):
    """The kind of source a memory's text came through."""

    USER = "user"
    AGENT = "agent"
    TOOL = "tool"
    WEB = "web"
    FILE = "file"
    MAIL = "mail"
    IMPORT = "import"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who wrote a memory, and how it reached us.

    ``client``, ``transport`` and ``connection`` are what the adapter saw for itself. ``channel``, ``actor`` and ``task``
    are what the caller said; ``claimed`` is true when nobody but the caller vouches for them.
    """

    channel: Channel = Channel.AGENT
    actor: str | None = None
    client: str | None = None
    transport: str | None = None
    connection: str | None = None
    task: str | None = None
    claimed: bool = False

    def label(self) -> str:
        """Short text for people and prompts, such as ``user ana via claude-desktop (claimed)``."""
        parts = [self.channel.value]
        if self.actor:
            parts.append(self.actor)
        if self.client:
            parts.append(f"via {self.client}")
        if self.claimed:
            parts.append("(claimed)")
        return " ".join(parts)

    def without_names(self) -> Origin:
        """The same, but for who and with which program: those are words that somebody chose."""
        return replace(self, actor=None, client=None)
