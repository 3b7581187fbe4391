"""One name, one namespace: what looks the same is not begun a second time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mnemic.domain.memory import Namespace
from mnemic.domain.text import spellings, written_otherwise
from mnemic.errors import AccessDenied, InvalidInput

if TYPE_CHECKING:
    from mnemic.protocols import LedgerSnapshot


def check_spellings(snapshot: LedgerSnapshot, namespaces: Iterable[Namespace]) -> None:
    """Raise `InvalidInput` for a namespace that is not there yet and whose name is there, or among ``namespaces``, with its
    letters composed where they are taken apart here, or the other way round.

    Names are compared as they are written, so that rights are as well: nothing is ever read or written elsewhere than it
    is named. Namespaces that are there in two spellings stay two.
    """
    begun: set[Namespace] = set()
    for namespace in namespaces:
        if all(label.isascii() for label in namespace) or snapshot.namespace_key(namespace) is not None:
            continue
        for depth in range(len(namespace), 0, -1):
            own = namespace[:depth]
            *above, last = own
            for label in spellings(last)[1:]:
                other = (*above, label)
                if (other in begun or _is_there(snapshot, other)) and not _is_there(snapshot, own):
                    raise InvalidInput(
                        f"The namespace {'/'.join(own)} is there with other code points: {label!a}, not {last!a}.",
                        hint="Name it as it is there; normalising what you name to NFC keeps one spelling.",
                    )
            begun.add(own)


def there_otherwise(snapshot: LedgerSnapshot, namespace: Namespace) -> tuple[Namespace, int] | None:
    """The namespace whose name differs from this one's by how its letters are written alone, and what is at and below it.

    Of several the one that holds most; of what the caller may not see, none.
    """
    found = [(sum(held for _, held in snapshot.namespaces(other)), other) for other in written_otherwise(namespace)]
    count, other = max(found, default=(0, namespace))
    return (other, count) if count else None


def _is_there(snapshot: LedgerSnapshot, namespace: Namespace) -> bool:
    """Whether there is anything at or below a namespace, as far as the caller may know."""
    try:
        return snapshot.namespace_key(namespace) is not None or bool(snapshot.namespace_keys(namespace))
    except AccessDenied:
        return False
