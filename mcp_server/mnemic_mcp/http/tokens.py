"""Bearer tokens in a file: what they give is written there, what they are is not."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mnemic import MnemicError
from mnemic.domain.access import Access, make_access
from mnemic.domain.validation import check_moment
from mnemic.errors import InvalidInput, StoreUnavailable
from mnemic_mcp.http.callers import Caller
from mnemic_mcp.private_files import replacing

TOKENS_FILE = "tokens.json"
_PREFIX = "mnemic"
_SECRET_BYTES = 32
_LOCK_SECONDS = 10.0
# Compared with when no token has the id, so that the time of the answer does not tell which ids exist.
_NO_DIGEST = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as the file keeps it. ``digest`` is the SHA-256 of its secret: 256 random bits need no slow hash."""

    id: str
    digest: str
    access: Access
    created_at: datetime
    expires_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


class TokenFile:
    """The tokens of one server, and a `Door`. Changes hold from the next request on, in every process that reads the file.

    Raises `InvalidInput` for a file that cannot be read as tokens: then nobody is let in.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int, int], dict[str, Token]] | None = None

    def exists(self) -> bool:
        return self.path.exists()

    def create(
        self, name: object, *, namespaces: Iterable[object], rights: Iterable[object], expires_at: object = None
    ) -> tuple[Token, str]:
        """A new token, and the text of it, which is shown this once. Raises `InvalidInput`, also for a name in use."""
        access = make_access(name, namespaces=namespaces, rights=rights)
        now, end = datetime.now(UTC), check_moment(expires_at, name="expires")
        if end is not None and end <= now:
            raise InvalidInput(f"The token would have expired at {end.isoformat()}.", hint="Give a moment to come.")
        id, secret = secrets.token_hex(6), secrets.token_urlsafe(_SECRET_BYTES)
        token = Token(id=id, digest=_digest(secret), access=access, created_at=now, expires_at=end)
        with self._writing() as tokens:
            if any(other.access.name == access.name for other in tokens.values()):
                raise InvalidInput(
                    f"There is a token {access.name!r} already.", hint="Revoke it first, or use another name."
                )
            self._write([*tokens.values(), token])
        return token, f"{_PREFIX}_{id}_{secret}"

    def revoke(self, name: str) -> Token:
        """Take a token away. Raises `InvalidInput` when there is none of this name."""
        with self._writing() as tokens:
            found = next((token for token in tokens.values() if token.access.name == name), None)
            if found is None:
                known = ", ".join(token.access.name for token in tokens.values()) or "none"
                raise InvalidInput(f"There is no token {name!r}.", hint=f"Tokens: {known}.")
            self._write([token for token in tokens.values() if token is not found])
        return found

    def tokens(self) -> tuple[Token, ...]:
        """All tokens, in the order of making."""
        return tuple(self._tokens().values())

    async def caller(self, token: str) -> Caller | None:
        prefix, _, rest = token.partition("_")
        id, _, secret = rest.partition("_")
        known = self._tokens().get(id) if prefix == _PREFIX else None
        matches = hmac.compare_digest(_digest(secret), _NO_DIGEST if known is None else known.digest)
        if known is None or not matches or not known.is_valid(datetime.now(UTC)):
            return None
        end = known.expires_at
        return Caller(name=known.access.name, access=known.access, expires_at=None if end is None else end.timestamp())

    def _tokens(self) -> dict[str, Token]:
        try:
            state = self.path.stat()
        except FileNotFoundError:
            return {}
        except OSError as error:  # on Windows also in the moment in which another file takes its place
            raise _unreadable(self.path, error) from error
        stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
        with self._lock:
            if self._read is None or self._read[0] != stamp:
                self._read = (stamp, {token.id: token for token in _parsed(self.path)})
            return self._read[1]

    @contextmanager
    def _writing(self) -> Iterator[dict[str, Token]]:
        """One writer at a time over all processes, with what the file holds by then."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path.with_name(self.path.name + ".lock"), timeout=_LOCK_SECONDS):
                yield dict(self._tokens())
        except Timeout as error:
            raise StoreUnavailable(f"Another process changes {self.path}.", hint="Try again.") from error

    def _write(self, tokens: Iterable[Token]) -> None:
        text = json.dumps({"version": 1, "tokens": [_plain(token) for token in tokens]}, indent=1, ensure_ascii=False)
        try:
            with replacing(self.path) as file:
                file.write(text + "\n")
        except OSError as error:
            raise StoreUnavailable(
                f"{self.path} cannot be written ({error}).", hint="Make room or give leave."
            ) from error


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(token: Token) -> dict[str, Any]:
    return {
        "id": token.id, "name": token.access.name, "sha256": token.digest,
        "namespaces": ["/".join(namespace) for namespace in token.access.namespaces],
        "rights": sorted(token.access.rights), "created_at": token.created_at.isoformat(),
        "expires_at": None if token.expires_at is None else token.expires_at.isoformat(),
    }  # fmt: skip


def _parsed(path: Path) -> list[Token]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        tokens = [
            Token(
                id=str(one["id"]), digest=str(one["sha256"]),
                access=make_access(one["name"], namespaces=one["namespaces"], rights=one["rights"]),
                created_at=datetime.fromisoformat(one["created_at"]),
                expires_at=check_moment(one.get("expires_at"), name="expires_at"),
            )
            for one in found["tokens"]
        ]  # fmt: skip
        _check_told_apart(tokens)
        return tokens
    except (OSError, ValueError, KeyError, TypeError, MnemicError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InvalidInput:
    return InvalidInput(
        f"{path} holds no tokens that can be read ({type(error).__name__}: {error}).",
        hint="Mend the file, or remove it and make the tokens anew with `mnemic token create`.",
    )


def _check_told_apart(tokens: Sequence[Token]) -> None:
    """Raise `InvalidInput` where two tokens share an id or a name: one would hide the other, or outlive its revocation."""
    for what, values in (("id", [token.id for token in tokens]), ("name", [token.access.name for token in tokens])):
        for value, times in Counter(values).most_common(1):
            if times > 1:
                raise InvalidInput(f"{times} tokens have the {what} {value[:60]!r}.", hint="Leave one of them.")
