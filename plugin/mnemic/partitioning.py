"""A memory that is divided by the first label of the namespace: several ledgers behind one door, each with its own writer.

The parts know nothing of each other and no use case knows of them: a call is handed to the part that its namespace, or the
memory that it names, belongs to. One that belongs to several is refused, so that no answer leaves a part out in silence.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from mnemic.bootstrap import OpenMemory, equip, open_backends, open_ledger, open_partitions
from mnemic.domain.partitions import partition_of
from mnemic.errors import SeveralPartitions, StoreUnavailable
from mnemic.logs import get_logger
from mnemic.settings import Settings

if TYPE_CHECKING:
    from mnemic.domain.access import Access
    from mnemic.domain.memory import Namespace
    from mnemic.services.backends import Backends
    from mnemic.services.places import Call
    from mnemic.storage.chroma_follower import ChromaFollower
    from mnemic.storage.postgres.partitions import PartitionedDatabase

log = get_logger(__name__)
_T = TypeVar("_T")

MOST_OPEN = 8
"""So many parts a process has open at once: one for each call that runs. Those that were not used for longest are closed."""
_WAIT_SECONDS = 30.0


class Opened(Protocol):
    """What stands behind an open `mnemic.Memory`: one ledger, or several."""

    @property
    def backends(self) -> Backends:
        """Of the one ledger. Raises `SeveralPartitions` where there are several."""
        ...

    @property
    def follower(self) -> ChromaFollower | None:
        """As `backends`."""
        ...

    def run(self, use_case: Callable[..., _T], *args: Any, **named: Any) -> _T:
        """Run a use case on the ledger that it is for, or on all. Blocks."""
        ...

    def ready(self, use_case: Callable[..., _T], *args: Any, **named: Any) -> AbstractContextManager[Callable[[], _T]]:
        """The call, for one whose answer is read bit by bit: its ledger stays open until the context ends."""
        ...

    def walled(self, access: Access) -> Opened:
        """The same, behind a wall."""
        ...

    def caught_up(self, *, timeout_seconds: float) -> bool:
        """Wait until the vector index has all that is in the ledger. False when it has not in time."""
        ...

    def close(self) -> None: ...


def open_all(settings: Settings, **given: Any) -> Opened:
    """The one ledger that the settings name, or all. ``given`` are those of `equip`. Raises what that and `open_ledger`
    raise, and `WrongPartitions`. Takes about 0.2 s, most of it for imports.
    """
    equipment = equip(settings, **given)
    if settings.partitions == 1:
        return open_backends(settings, equipment, open_ledger(settings))
    database = open_partitions(settings)

    def open_part(number: int) -> OpenMemory:
        log.info("partition.opening", number=number)
        return open_backends(settings, equipment, database.ledger(number))

    return OpenPartitions(database=database, home=settings.namespace, parts=Parts(open_part, most=MOST_OPEN))


@dataclass(slots=True)
class _Part:
    users: int = 0
    opening: threading.Lock = field(default_factory=threading.Lock)
    opened: OpenMemory | None = None


class Parts:
    """The parts that are open, at most ``most``. One that is used is never closed; who finds no room waits for some."""

    def __init__(self, open_part: Callable[[int], OpenMemory], *, most: int) -> None:
        self._open_part = open_part
        self._most = most
        self._parts: OrderedDict[int, _Part] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False

    @contextmanager
    def use(self, number: int) -> Iterator[OpenMemory]:
        """A part, opened if need be. Raises `StoreUnavailable`."""
        part, idle = self._taken(number)
        try:
            if idle is not None and idle.opened is not None:
                idle.opened.close()
            with part.opening:
                if self._closed:
                    raise _closed()
                if part.opened is None:
                    part.opened = self._open_part(number)
            yield part.opened
        finally:
            with self._changed:
                part.users -= 1
                if part.opened is None and not part.users and self._parts.get(number) is part:
                    del self._parts[number]
                self._changed.notify_all()

    @contextmanager
    def look_into(self, number: int) -> Iterator[OpenMemory]:
        """`use` for once: what is not open is closed again, so that a look at all parts drives out none that is in use."""
        with self._changed:
            if self._closed:
                raise _closed()
            beside = number not in self._parts and len(self._parts) >= self._most
        if not beside:
            with self.use(number) as opened:
                yield opened
            return
        opened = self._open_part(number)
        try:
            yield opened
        finally:
            opened.close()

    def close(self) -> None:
        """Close all that are open, waiting for their calls."""
        with self._changed:
            self._closed = True
            parts = list(self._parts.values())
            self._parts.clear()
            self._changed.notify_all()
        for part in parts:
            with part.opening:
                if part.opened is not None:
                    part.opened.close()

    def _taken(self, number: int) -> tuple[_Part, _Part | None]:
        """The place of a part, counted as used, and the one that has to make room for it."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or self._has_room(number), _WAIT_SECONDS):
                raise StoreUnavailable(
                    f"All {self._most} partitions that this process may have open are in use.", hint="Try again."
                )
            if self._closed:
                raise _closed()
            idle = None
            if number not in self._parts:
                if len(self._parts) >= self._most:
                    idle = self._parts.pop(next(n for n, part in self._parts.items() if not part.users))
                self._parts[number] = _Part()
            self._parts.move_to_end(number)
            self._parts[number].users += 1
            return self._parts[number], idle

    def _has_room(self, number: int) -> bool:
        return (
            number in self._parts
            or len(self._parts) < self._most
            or any(not part.users for part in self._parts.values())
        )


def _closed() -> StoreUnavailable:
    return StoreUnavailable("This memory has been closed.", hint="Open it again.")


_OF_THE_DATABASE: dict[str, Callable[[PartitionedDatabase], Any]] = {
    "health.probe": lambda database: database.changes(),
    "health.shared_secret": lambda database: database.shared_secret(),
}
"""A server's own affairs, and of no part: one that nobody has asked anything yet opens none for being looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPartitions:
    """Implements `Opened` over several ledgers. ``home`` is where a call goes that may go anywhere."""

    database: PartitionedDatabase
    home: Namespace
    parts: Parts
    access: Access | None = None

    @property
    def backends(self) -> NoReturn:
        raise SeveralPartitions("This memory is several ledgers.", hint="Ask for what you need by `Memory.run`.")

    @property
    def follower(self) -> NoReturn:
        raise SeveralPartitions("This memory is several ledgers.", hint="`Memory.reindex` waits for all of them.")

    def run(self, use_case: Callable[..., _T], *args: Any, **named: Any) -> _T:
        from mnemic.services.places import EVERYWHERE
        from mnemic.services.rights import name_of

        name = name_of(use_case)
        if self.access is None and name in _OF_THE_DATABASE:
            answer: _T = _OF_THE_DATABASE[name](self.database)
            return answer
        reach = self._reach()
        if name in EVERYWHERE and len(reach) > 1:
            found: dict[int, Any] = {}
            for number in sorted(reach.intersection(self.database.made())) or [self._at_home()]:
                with self.parts.look_into(number) as opened:
                    found[number] = self._behind(opened).run(use_case, *args, **named)
            joined: _T = EVERYWHERE[name](found)
            return joined
        number, args, named = self._routed(use_case, args, named)
        with self.parts.use(number) as opened:
            return self._behind(opened).run(use_case, *args, **named)

    @contextmanager
    def ready(self, use_case: Callable[..., _T], *args: Any, **named: Any) -> Iterator[Callable[[], _T]]:
        number, args, named = self._routed(use_case, args, named)
        with self.parts.use(number) as opened, self._behind(opened).ready(use_case, *args, **named) as call:
            yield call

    def walled(self, access: Access) -> OpenPartitions:
        return replace(self, access=access, home=access.namespaces[0])

    def caught_up(self, *, timeout_seconds: float) -> bool:
        def one(number: int) -> bool:
            with self.parts.look_into(number) as opened:
                return opened.caught_up(timeout_seconds=timeout_seconds)

        return all(one(number) for number in self.database.made())

    def close(self) -> None:
        self.parts.close()
        self.database.close()

    def _behind(self, opened: OpenMemory) -> OpenMemory:
        return opened if self.access is None else opened.walled(self.access)

    def _of(self, namespace: Namespace) -> int:
        return partition_of(namespace, self.database.count)

    def _at_home(self) -> int:
        return self._of(self.home)

    def _reach(self) -> frozenset[int]:
        """The parts that the caller may see anything of."""
        if self.access is None:
            return frozenset(range(self.database.count))
        return frozenset(map(self._of, self.access.namespaces))

    def _routed(
        self, use_case: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[int, tuple[Any, ...], dict[str, Any]]:
        """The part that a call is for, and its arguments. Raises `SeveralPartitions`."""
        reach = self._reach()
        if len(reach) == 1:
            # Of whatever is not there the wall says so, or the ledger.
            return next(iter(reach)), args, named
        from mnemic.services.places import read_call

        call = read_call(use_case, args, named)
        return self._number(call, reach), call.args, call.named

    def _number(self, call: Call, reach: frozenset[int]) -> int:
        numbers = {self._of(namespace) for namespace in call.namespaces}
        if len(numbers) > 1:
            labels = ", ".join(sorted({namespace[0] for namespace in call.namespaces})[:8])
            raise SeveralPartitions(
                f"{labels[:200]} are in {len(numbers)} partitions of this memory, and a call is done in one.",
                hint="Make a call for each first label of the namespaces.",
            )
        if not numbers and call.ids:
            within = () if self.access is None else self.access.namespaces
            numbers = self.database.holding(call.ids, within=within)
            if len(numbers) > 1:
                raise SeveralPartitions(
                    f"The memories are in {len(numbers)} partitions of this memory, and a call is done in one.",
                    hint="Make a call for those of each first label of the namespaces.",
                )
        # What is nowhere is as unknown at home as anywhere, and what is another caller's is refused there.
        return next(iter(numbers & reach), self._at_home())
