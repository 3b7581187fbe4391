"""Which fragments lie in which part of a message."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field

from mnemic.domain.working_memory.fragments import Fragment
from mnemic.domain.working_memory.messages import MessageId

PartKey = tuple[MessageId, str | None]
"""A part of a message: its text (None), or the arguments of the call with that id."""


@dataclass(slots=True)
class PlacedPart:
    """The fragments of one part: the one that spans all of it, and pieces in order.

    ``outside`` counts the tokens that belong to no piece, None until somebody has counted them.
    """

    cover: Fragment | None = None
    pieces: list[Fragment] = field(default_factory=list)
    outside: int | None = None


class PlacedFragments:
    """The fragments of a session by the part that they were cut out of."""

    def __init__(self) -> None:
        self._parts: dict[PartKey, PlacedPart] = {}

    def at(self, key: PartKey) -> PlacedPart | None:
        """What lies in a part; None where nothing does."""
        return self._parts.get(key)

    def place(self, fragment: Fragment, *, present: bool) -> None:
        """Put a fragment into its part, or take it out."""
        key = (fragment.message_id, fragment.call_id)
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = PlacedPart()
        if fragment.whole:
            part.cover = fragment if present else None
        elif present:
            insort(part.pieces, fragment, key=lambda piece: piece.start)
        else:
            part.pieces = [piece for piece in part.pieces if piece.id != fragment.id]
        part.outside = None
        if part.cover is None and not part.pieces:
            del self._parts[key]
