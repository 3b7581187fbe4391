"""What a result is about: results about the same thing are versions of one another."""

from __future__ import annotations

from dataclasses import dataclass

from mnemic.domain.folding.atoms import atoms_of, parse_json
from mnemic.domain.folding.items import FoldingItem, is_json_call
from mnemic.domain.folding.visible import word_key

_LABEL_CHARS = 60
# A listing of at least so many lines says in its first line what it lists.
_LISTING_LINES = 4


@dataclass(frozen=True, slots=True)
class Subject:
    """The identity of what a result describes, and a short name for it, or none. Only the identity is compared."""

    key: str
    label: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subject) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def subject_of(text: str, call: FoldingItem | None, *, read: bool) -> Subject | None:
    """What the result of ``call`` is about; None when the call is not known. ``read`` says that it changed nothing.

    A JSON object that begins with an id is about that id, whichever tool gave it. Any other result is about what was asked
    for; a listing also about what its first line names. What a call that changes something brought needs no name: such
    calls stay in view as they are.
    """
    document = parse_json(text)
    if isinstance(document, dict) and document:
        name, value = next(iter(document.items()))
        if name.lower().endswith("id") and isinstance(value, str | int) and not isinstance(value, bool):
            return Subject(f"{name}={value}".lower(), str(value)[:_LABEL_CHARS])
    if call is None:
        return None
    key = f"{call.name} {word_key(call.text)}"
    if not read:
        return Subject(key, "")
    if is_json_call(call):
        label = ", ".join(atoms_of(call.text, phrases=False)) or call.name
    else:
        label = call.text.strip() or call.name
    if document is None and text.count("\n") >= _LISTING_LINES - 1:
        header = text.lstrip().partition("\n")[0][:_LABEL_CHARS]
        key = f"{key} {word_key(header)}"
        label = ", ".join(atoms_of(header)[:2]) or label
    return Subject(key, label[:_LABEL_CHARS])
