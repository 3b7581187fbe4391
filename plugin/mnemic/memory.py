"""The public API: an open memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import anyio
import anyio.to_thread

from mnemic.domain.memory import (
    EraseReceipt,
    History,
    Kind,
    MemoryId,
    MemoryRecord,
    Namespace,
    NewMemory,
    Remembered,
)
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import Hit, MemoryFilter, Mode, RecallResult
from mnemic.domain.validation import (
    check_given_namespace,
    check_local_moment,
    check_several,
)
from mnemic.errors import InvalidInput, StoreUnavailable
from mnemic.filters import Filters, Moment
from mnemic.running import RunningMemory
from mnemic.session import Session

if TYPE_CHECKING:
    # Importing numpy takes as long as the rest of this package: it waits until a memory is opened.
    from mnemic.domain.access import Access, Right
    from mnemic.domain.working_memory.packs import ContextPack
    from mnemic.guard_desk import GuardDesk
    from mnemic.import_desk import ImportDesk
    from mnemic.item_desk import ItemDesk
    from mnemic.learning_desk import LearningDesk
    from mnemic.protocols import SessionInfo
    from mnemic.services.health import Diagnosis, HealthStatus
    from mnemic.services.recalling.valuing import Rank
    from mnemic.services.transferring.transfer import ImportReport
    from mnemic.walled import WalledMemory


class Memory(RunningMemory):
    """One memory: a folder that any number of processes may have open.

    Use it as ``async with open_memory(folder) as memory:``, or call `open` and `close`. All methods may be called
    concurrently. Besides what stands at each, they raise `InvalidInput` for an argument that cannot be used,
    `UnknownMemory` for an id that is not there, and `StoreUnavailable`, after which every call may be repeated, or
    `StoreCorrupted` when the ledger cannot be used.

    ``observer`` is entered around every call, for metrics and traces. ``delivered`` is a file in which several processes of
    one server over a folder note what was delivered to whom, so that the guard follows it from one process to another; a
    ledger in a database needs none.

    Wherever a ``namespace`` can be given, it is a tuple of labels or a string with ``/`` between them, and by default the
    one of the settings. Moments are datetimes or ISO 8601 strings; without an offset they are UTC.
    """

    def within(self, access: Access) -> WalledMemory:
        """This memory as somebody has it who may do and see only what ``access`` says. Cheap; it needs no closing.

        `mnemic.domain.access.make_access` makes one. Raises `InvalidInput`.
        """
        from mnemic.domain.access import Access as Checked
        from mnemic.walled import WalledMemory

        if not isinstance(access, Checked):
            raise InvalidInput(
                f"access is {type(access).__name__}.", hint="Make one with `mnemic.domain.access.make_access`."
            )
        return WalledMemory(self, access)

    def may(self, right: Right) -> bool:  # noqa: ARG002  # who has the memory itself may do everything
        """Whether calls that take ``right`` are allowed."""
        return True

    @property
    def roots(self) -> tuple[Namespace, ...]:
        """The namespaces, each with all below it, that whoever has this memory looks after: the memory's own, or those
        that an `Access` names.
        """
        return (self.settings.namespace,)

    async def remember(
        self, text: str, *, kind: Kind | str | None = None, namespace: Namespace | str | None = None,
        tags: Iterable[str] = (), session: str | None = None, speaker: str | None = None, role: str | None = None,
        occurred_at: Moment | None = None, valid_from: Moment | None = None, source: str | None = None,
        when_to_use: str | None = None, evidence: Iterable[str] = (), supersedes: str | None = None,
        context: Iterable[str] = (), origin: Origin | None = None, subject: str | None = None,
        attribute: str | None = None,
    ) -> Remembered:  # fmt: skip
        """Store one memory durably. The fields are those of `NewMemory`.

        The same again is confirmed and counted, not doubled. A new value of what has one value at a time takes the place of
        the old one, which goes on answering for its time (``as_of``). The receipt says when the guard keeps it out of
        recall. Raises `InvalidInput`, `UnknownMemory`, `GuardRefused`, `StoreUnavailable`; a retry is safe.
        """
        new = NewMemory(
            text=text, kind=kind, namespace=namespace, tags=tags, session=session, speaker=speaker, role=role,
            occurred_at=occurred_at, valid_from=valid_from, source=source, when_to_use=when_to_use, evidence=evidence,
            supersedes=supersedes, context=context, origin=origin, subject=subject, attribute=attribute,
        )  # fmt: skip
        return (await self.remember_many([new]))[0]

    async def remember_many(
        self, memories: Sequence[NewMemory | str], *, origin: Origin | None = None
    ) -> tuple[Remembered, ...]:
        """Store several memories, or texts, in one transaction: all of them or none. At most 10,000 at once."""
        from mnemic.services.storing.remember import remember

        given = check_several(memories, name="memories", hint="Give a list of texts or NewMemory; remember takes one.")
        return await self.run(remember, list(given), namespace=self.settings.namespace, origin=origin or self._origin)

    async def recall(
        self, query: str | None = None, *, k: int = 10, min_score: float | None = None,
        budget_tokens: int | None = None, cursor: str | None = None, rank: Rank = "relevance",
        mode: Mode | None = None, asked_at: Moment | None = None, expand_links: bool = False,
        per_session: int | None = None, explain: bool = False, render: Callable[[Hit], str] | None = None,
        origin: Origin | None = None, **filters: Unpack[Filters],
    ) -> RecallResult:  # fmt: skip
        """The memories that answer ``query``, best first; none when nothing is relevant. Without a query, the newest.

        ``filters`` are those of `make_filter`. ``min_score`` 0..1 (default: what measured as relevant);
        ``budget_tokens`` limits what is returned; ``cursor`` of an earlier result goes on where it ended.
        ``rank="value"`` orders the most relevant also by what finished tasks have shown of their worth,
        ``"retention"`` by how lately and often they were used. ``mode="deep"`` looks at the best candidates once more
        with a model, which takes a few hundred milliseconds (None: as the settings say). ``asked_at`` (default: now) is
        from when "yesterday" and "last May" are reckoned; its offset from UTC says when days begin. ``expand_links``
        looks at what is linked to what was found as well: the episodes behind a fact, what else was drawn from them,
        related memories, and what shares rare words. ``per_session`` is the most hits of one session: 1 gives the best
        of each. Of those that say the same one is shown, and names the others. With ``explain`` each hit says by which
        channels it was found and what its score is made of. ``render`` says how a hit will be shown, so that the budget
        counts that. What the guard keeps back is named in ``withheld``. ``origin`` is whoever asks: what they
        store afterwards is known to follow what they were given here. Raises `InvalidInput`, `StoreUnavailable`, and
        `ModelFailed` when ``mode`` is deep and there is no model for it.
        """
        from mnemic.services.recalling.recall import RecallQuery, recall, show_text

        question = RecallQuery(
            text="" if query is None else query, filter=self.make_filter(**filters), k=k, min_score=min_score,
            budget_tokens=budget_tokens, cursor=cursor, rank=rank, explain=explain,
            mode=self.settings.recall_mode if mode is None else mode,
            asked_at=check_local_moment(asked_at, name="asked_at"),
            expand_links=expand_links, per_session=per_session,
        )  # fmt: skip
        return await self.run(recall, question, render=render or show_text, origin=origin or self._origin)

    async def get(self, id: str, *, namespace: Namespace | str | None = None) -> MemoryRecord:
        """One memory, whatever its status. Raises `UnknownMemory`, also for one outside ``namespace`` when given."""
        from mnemic.services.browse import get

        return await self.run(get, id, namespace=check_given_namespace(namespace))

    async def show(
        self, ids: Iterable[str], *, namespace: Namespace | str | None = None, origin: Origin | None = None
    ) -> tuple[Hit, ...]:
        """Memories as recall would show them, with what to know about them, whatever their status and in the order of ids.

        Of one that is withheld no word is shown. ``origin`` is the agent that will read them, so that what it writes
        afterwards is known to follow them; None where only a person looks. Raises `UnknownMemory`.
        """
        from mnemic.services.browse import show_memories

        return await self.run(show_memories, ids, namespace=check_given_namespace(namespace), origin=origin)

    async def list(
        self, *, limit: int = 50, before: str | None = None, **filters: Unpack[Filters]
    ) -> tuple[MemoryRecord, ...]:
        """Memories that pass the filters of `make_filter`, newest first; ``before`` an id pages on. At most 1,000."""
        from mnemic.services.browse import list_memories

        return await self.run(
            list_memories, self.make_filter(**filters), limit=limit, before=None if before is None else MemoryId(before)
        )

    async def history(self, id: str, *, namespace: Namespace | str | None = None) -> History:
        """Every version of a memory, what happened to it, and its links. Raises `UnknownMemory`."""
        from mnemic.services.browse import history

        return await self.run(history, id, namespace=check_given_namespace(namespace))

    async def supersede(self, id: str, text: str, **fields: Any) -> Remembered:
        """Put a new version in the place of a memory.

        What is not given in ``fields`` is taken over: kind, namespace, and of trusted memories tags, ``when_to_use``,
        source, session, speaker, role, subject and attribute. A new version of an event happened when the event did;
        any other holds from now on, unless ``valid_from`` or ``occurred_at`` says since when.
        """
        from mnemic.services.browse import taken_over

        kept = await self.run(taken_over, id)
        # What belongs together is taken over together or not at all.
        other_kind = fields.get("kind") not in (None, kept["kind"])
        if other_kind or "subject" in fields or "attribute" in fields:
            kept = {name: value for name, value in kept.items() if name not in ("subject", "attribute")}
        if other_kind or "occurred_at" in fields:
            kept = {name: value for name, value in kept.items() if name not in ("occurred_at", "valid_from")}
        return await self.remember(text, **{**kept, **fields, "supersedes": id})

    async def forget(
        self, ids: Iterable[str], *, erase: bool = False, reason: str | None = None,
        namespace: Namespace | str | None = None,
    ) -> tuple[MemoryId, ...]:  # fmt: skip
        """`archive` memories, or with ``erase`` destroy them and their versions for good (`erase`). The ids it concerned."""
        if erase:
            return (await self.erase(ids, namespace=namespace)).erased
        return await self.archive(ids, reason=reason, namespace=namespace)

    async def archive(
        self, ids: Iterable[str], *, reason: str | None = None, origin: Origin | None = None,
        namespace: Namespace | str | None = None,
    ) -> tuple[MemoryId, ...]:  # fmt: skip
        """Take memories out of recall, all or none, until `restore`. The ids that changed."""
        from mnemic.services.storing.curate import archive

        return await self.run(
            archive, ids, origin=origin or self._origin, reason=reason, namespace=check_given_namespace(namespace)
        )

    async def restore(
        self, ids: Iterable[str], *, reason: str | None = None, origin: Origin | None = None,
        namespace: Namespace | str | None = None,
    ) -> tuple[MemoryId, ...]:  # fmt: skip
        """Bring archived memories back, all or none. What was remembered again meanwhile stays, linked as a near duplicate.
        The ids that changed.
        """
        from mnemic.services.storing.curate import restore

        return await self.run(
            restore, ids, origin=origin or self._origin, reason=reason, namespace=check_given_namespace(namespace)
        )

    async def reinstate(
        self, ids: Iterable[str], *, reason: str | None = None, origin: Origin | None = None,
        namespace: Namespace | str | None = None,
    ) -> tuple[MemoryId, ...]:  # fmt: skip
        """Make superseded memories current again, all or none. What took their place stays too, and both are marked as
        contradicting each other until one is archived or superseded. What is archived besides is refused: `bring_back`.
        The ids that changed.
        """
        from mnemic.services.storing.facts import reinstate

        return await self.run(
            reinstate, ids, origin=origin or self._origin, reason=reason, namespace=check_given_namespace(namespace)
        )

    async def bring_back(
        self, ids: Iterable[str], *, reason: str | None = None, origin: Origin | None = None,
        namespace: Namespace | str | None = None,
    ) -> tuple[MemoryId, ...]:  # fmt: skip
        """`restore` what is archived among ``ids`` and `reinstate` what is superseded, all or none. The ids that changed."""
        from mnemic.services.storing.curate import bring_back

        return await self.run(
            bring_back, ids, origin=origin or self._origin, reason=reason, namespace=check_given_namespace(namespace)
        )

    async def erase(self, ids: Iterable[str], *, namespace: Namespace | str | None = None) -> EraseReceipt:
        """Destroy memories with all their versions for good, in every file. Nothing brings them back."""
        from mnemic.services.storing.curate import erase

        return await self.run(erase, ids, namespace=check_given_namespace(namespace))

    def export(self, *, namespace: Namespace | str | None = None) -> AsyncGenerator[str, None]:
        """The lines of an export (JSON Lines, without line ends) from one consistent snapshot."""
        from mnemic.services.transferring.transfer import export_lines

        return self._stream(export_lines, namespace=check_given_namespace(namespace))

    async def records(self, *, namespace: Namespace | str | None = None) -> tuple[MemoryRecord, ...]:
        """All memories of any status, of one namespace and below or of all, in the order of writing, from one snapshot."""
        from mnemic.services.browse import all_records

        return await self.run(all_records, namespace=check_given_namespace(namespace))

    async def import_(self, lines: Iterable[str], *, progress: Callable[[int], None] | None = None) -> ImportReport:
        """Take in an export, all of it or nothing. Importing twice adds nothing.

        Memories keep their ids, which are the whole ledger's: a caller of some namespaces is refused. Raises `InvalidInput`,
        `AccessDenied`.
        """
        from mnemic.services.transferring.transfer import import_lines

        hint = 'Give the lines of an export, such as open("backup.jsonl", encoding="utf-8") has.'
        return await self.run(import_lines, check_several(lines, name="lines", hint=hint), progress=progress)

    @property
    def imports(self) -> ImportDesk:
        """Moving in from other memories: a plan, then its doing."""
        from mnemic.import_desk import ImportDesk

        return ImportDesk(self)

    @property
    def guard(self) -> GuardDesk:
        """What the guard withholds and why, and deciding about it."""
        from mnemic.guard_desk import GuardDesk

        return GuardDesk(self, self._origin)

    @property
    def learning(self) -> LearningDesk:
        """What experience says: outcomes, experiences, what was learnt, and maintenance."""
        from mnemic.learning_desk import LearningDesk

        return LearningDesk(self, self._origin)

    @property
    def items(self) -> ItemDesk:
        """Values that programs keep under keys, found by their words as well."""
        from mnemic.item_desk import ItemDesk

        return ItemDesk(self, self._origin)

    def session(self, name: str, *, namespace: Namespace | str | None = None) -> Session:
        """Working memory of the conversation ``name``. Nothing is stored before something is appended to it."""
        return Session(self, name, check_given_namespace(namespace) or self.settings.namespace)

    async def sessions(self, *, namespace: Namespace | str | None = None) -> tuple[SessionInfo, ...]:
        """The sessions of a namespace, by name."""
        from mnemic.services.working_memory.sessions import list_sessions

        return await self.run(list_sessions, check_given_namespace(namespace) or self.settings.namespace)

    async def fit(self, text: str, *, budget_tokens: int) -> str:
        """The beginning of ``text`` that fits the budget, counted as everything else is."""
        from mnemic.services.working_memory.compose import fit

        return await self.run(fit, text, budget_tokens=budget_tokens)

    async def compose(
        self, goal: str, *, budget_tokens: int = 4_000, namespace: Namespace | str | None = None
    ) -> ContextPack:
        """What long-term memory has for ``goal``, as one text that fits the budget; `Session.compose` adds a session."""
        from mnemic.services.working_memory.compose import compose

        where = check_given_namespace(namespace) or self.settings.namespace
        return await self.run(compose, where, None, goal=goal, budget_tokens=budget_tokens)

    async def status(self) -> HealthStatus:
        """Counts, sizes and what is in use."""
        from mnemic.services.health import status

        return await self.run(status)

    async def doctor(self, *, repair: bool = False) -> Diagnosis:
        """Check everything, and mend it if asked to."""
        from mnemic.services.health import doctor

        return await self.run(doctor, repair=repair)

    async def reindex(self, *, timeout_seconds: float = 600.0, progress: Callable[[int], None] | None = None) -> int:
        """Embed what lacks a vector, have Chroma rebuilt from the ledger and wait for it. How many were embedded.

        Raises `StoreUnavailable` when Chroma has not caught up in time; recall is complete all the same.
        """
        from mnemic.services.health import embed_missing, reset_index

        embedded = await self.run(embed_missing, progress=progress)
        await self.run(reset_index)
        wait = partial(self._opened().caught_up, timeout_seconds=timeout_seconds)
        if not await anyio.to_thread.run_sync(wait, limiter=self._limiter):
            raise StoreUnavailable(
                f"Chroma has not caught up within {timeout_seconds:.0f} s.",
                hint="It goes on in the background; `mnemic status` shows how far it is.",
            )
        return embedded

    async def cool(self, *, days: int | None = None, progress: Callable[[int], None] | None = None) -> int:
        """Make cold what is archived and was not touched for ``days`` (None: as the settings say; 0: all of it), as the
        housekeeper does now and then. How many memories.

        They keep text, origin and history, and are listed, exported and erased as ever. They are not searched, whatever
        ``statuses`` a recall names, until `restore` brings them back as they were. Raises `InvalidInput` when the settings
        say never.
        """
        from mnemic.services.storing.cold import cool

        if days is None:
            days = self.settings.cold_after_days
            if not days:
                raise InvalidInput("The settings make nothing cold.", hint="Say after how many days it may become so.")
        return await self.run(cool, days=days, progress=progress)

    def make_filter(self, **filters: Unpack[Filters]) -> MemoryFilter:
        """A checked `MemoryFilter`. Raises `InvalidInput`."""
        from mnemic.services.browse import check_filter

        unknown = sorted(filters.keys() - Filters.__annotations__.keys())
        if unknown:
            known = ", ".join(sorted(Filters.__annotations__))
            raise InvalidInput(f"There is no filter {', '.join(unknown)}.", hint=f"The filters are: {known}.")
        return check_filter({"namespace": self.settings.namespace, **filters})
