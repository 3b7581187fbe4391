"""One value of one attribute of one subject."""

from __future__ import annotations

from dataclasses import dataclass

from mnemic.domain.facts.slots import earlier_slot, slot_words
from mnemic.domain.facts.values import canonical_value, is_literal
from mnemic.domain.memory import Namespace
from mnemic.domain.text import fingerprint
from mnemic.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What a memory says of an attribute that has one value at a time, in its own words.

    ``subject`` may be empty where the attribute says it all ("deploy branch"). ``positive`` false: it says that the value
    holds no longer. ``previous`` is the value that it says it changed from. ``explicit``: the caller named subject and
    attribute, and the value is the memory's text; else all three were read in it.
    """

    subject: str
    attribute: str
    value: str
    positive: bool = True
    previous: str | None = None
    explicit: bool = False

    def slot(self) -> str:
        """Subject and attribute in the form in which they are compared: "the port of the API" is "api.port"."""
        return slot_words(self.attribute, self.subject)

    def place(self, namespace: Namespace) -> int:
        """A 63-bit hash of ``namespace`` and slot: facts in one place are versions of one another."""
        return fingerprint("fact", *namespace, self.slot())

    def places(self, namespace: Namespace) -> tuple[int, ...]:
        """`place`, and where it is another one, the one in which earlier versions of mnemic have put such facts.

        Facts of other slots may be there as well.
        """
        slot = self.slot()
        both = dict.fromkeys((slot, earlier_slot(slot)))
        return tuple(fingerprint("fact", *namespace, one) for one in both)

    def same_value(self, other: Fact) -> bool:
        """Whether both say the same of the value: "24 hours" is "1 day". Only where both are in the same slot."""
        return self.positive is other.positive and self._alike(other)

    def denies(self, other: Fact) -> bool:
        """Whether it says that the value of ``other`` holds no longer."""
        return other.positive and not self.positive and self._alike(other)

    def _alike(self, other: Fact) -> bool:
        slot = self.slot()
        # What a program or a person gives as a value by itself is meant as it is written.
        cased = self.explicit or other.explicit
        mine, theirs = (
            canonical_value(fact.value, literal=is_literal(slot), version="version" in slot, cased=cased)
            for fact in (self, other)
        )
        return mine == theirs


def make_fact(subject: str, attribute: str, text: str) -> Fact:
    """The fact of a memory whose writer says what it is about. Raises `InvalidInput` where that names nothing."""
    fact = Fact(subject=subject, attribute=attribute, value=text, explicit=True)
    for name, part in (("subject", subject), ("attribute", attribute)):
        if not slot_words(part):
            raise InvalidInput(f"The {name} {part!r} has no letter or digit.", hint="Name it in a word or a few.")
    return fact
