"""Who may do what, and where: the rights of one caller of a memory that several people share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mnemic.domain.memory import Namespace
from mnemic.domain.quoting import visible
from mnemic.domain.validation import check_choices, check_label, check_namespace
from mnemic.errors import AccessDenied, InvalidInput

# A subject of OpenID Connect has up to 255 characters.
_MAX_NAME_CHARS = 255


class Right(StrEnum):
    """What a caller may do. None of them includes another."""

    READ = "read"
    WRITE = "write"
    REVIEW = "review"
    ADMIN = "admin"


RIGHTS_TOLD = {
    Right.READ: "recall, list and look at memories and sessions",
    Right.WRITE: "remember, edit sessions, learn, archive and restore",
    Right.REVIEW: "see what is in quarantine and decide about it",
    Right.ADMIN: "erase for good, import, check and mend, read metrics",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the caller ``name`` may do, at and below ``namespaces``. The first of them is where calls go that name none."""

    name: str
    namespaces: tuple[Namespace, ...]
    rights: frozenset[Right]

    def covers(self, namespace: Namespace) -> bool:
        """Whether ``namespace``, and with it all below, is the caller's."""
        return any(namespace[: len(root)] == root for root in self.namespaces)

    @property
    def roots(self) -> tuple[Namespace, ...]:
        """The namespaces but for those below another of them, which would come twice."""
        return tuple(
            root
            for root in self.namespaces
            if not any(root != other and root[: len(other)] == other for other in self.namespaces)
        )

    def require(self, right: Right) -> None:
        """Raises `AccessDenied` without ``right``."""
        if right not in self.rights:
            raise AccessDenied(
                f"{self.name} may not {RIGHTS_TOLD[right]}.",
                hint=f'It needs the right "{right.value}": ask who runs this server.',
            )

    def require_namespace(self, namespace: Namespace) -> None:
        """Raises `AccessDenied` for what lies outside."""
        if not self.covers(namespace):
            asked = visible("/".join(namespace)) or "all namespaces"
            own = ", ".join("/".join(root) for root in self.namespaces)
            raise AccessDenied(
                f"{self.name} has no access to {asked[:200]}.", hint=f"Name a namespace at or below: {own}."
            )


def make_access(name: object, *, namespaces: Iterable[object], rights: Iterable[object]) -> Access:
    """A checked `Access`. Raises `InvalidInput`: without a name, a namespace and a right there is none."""
    for what, given in (("namespaces", namespaces), ("rights", rights)):
        # A text is its letters to whoever goes through it: "team" would open t, e, a and m.
        if isinstance(given, str):
            raise InvalidInput(f"The {what} are the text {given[:60]!r}.", hint="Give a list of texts.")
    roots = tuple(dict.fromkeys(check_namespace(namespace) for namespace in namespaces))
    held = frozenset(check_choices(rights, Right, name="a right"))
    label = check_label(name, name="name", limit=_MAX_NAME_CHARS)
    if label is None or not roots or not held:
        raise InvalidInput("Access needs a name, a namespace and a right.", hint=f"Rights: {', '.join(Right)}.")
    return Access(name=label, namespaces=roots, rights=held)
