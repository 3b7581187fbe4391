"""A LangGraph store over a `mnemic.Memory`: values come back as they were put, and what they say is remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from langgraph.store.base import (
    BaseStore,
    GetOp,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
    validate_op_namespace,
)
from langgraph.store.base import Item as StoreItem

from mnemic.domain.items import (
    WHOLE,
    FindItems,
    FoundItem,
    GetItem,
    Item,
    ItemAnswer,
    ItemOperation,
    ItemPath,
    ListPaths,
    PathPattern,
    PutItem,
    check_fields,
)
from mnemic.domain.validation import shown
from mnemic.errors import InvalidInput
from mnemic_langgraph.nodes import checked_memory

if TYPE_CHECKING:
    from mnemic import Memory, Origin


class FieldsConfig(TypedDict, total=False):
    """What of a value is found by its words. The engine embeds it: there is nothing else to configure."""

    fields: list[str] | None


class MnemicStore(BaseStore):
    """A store for ``compile(store=…)``, ``create_agent(store=…)`` and whatever else takes a `BaseStore`.

        async with mnemic.open_memory("notes") as memory:
            graph = builder.compile(store=MnemicStore(memory))

    It keeps what `langgraph.store.memory.InMemoryStore` keeps and answers as it does, durably and for any number of
    processes, threads and tasks at once. Besides:

    - **Every put that is indexed is a memory** with the origin of whoever puts, in the same transaction. Putting the same
      key again supersedes it, deleting archives it; `Memory.history` knows the versions. Items lie below ``root`` (default:
      the memory's namespace): what is put under ``("users", "1")`` is recalled by
      ``memory.recall(…, namespace=(*root, "users", "1"))`` as well, and stores with different roots see nothing of each
      other.
    - **Search always has an index**, the engine's, over words and meaning. ``index={"fields": ["text", "notes[*].title"]}``
      says what of a value is found; ``put(…, index=[…])`` says so for one, ``index=False`` for none. Scores are in 0..1.
      Items that no word or meaning speaks for come last and have none. Every page comes from the same order.
    - **The guard looks at every value**, indexed or not. What it keeps back is not found, not listed and not got: `search`
      and `get` are as if it were not there, until a person vouches for it (``memory.guard.release(ids, vouch=True)``); and a
      value whose directives recall would mask is kept back as a whole. With ``include_withheld=True`` all of it is given.
      Keys and passwords are taken out of values before they are stored; every other value comes back equal.
    - **TTL** in minutes (``ttl={"default_ttl": 60, "refresh_on_read": True, "omit_expired": True}``). `sweep_ttl` takes away
      what has expired; with ``sweep_interval_minutes`` a batch does that when the last time is so long ago.

    Differences from `InMemoryStore`: ``created_at`` stays when a value is put again; a namespace is listed as long as it
    holds an item, and not because it was asked for; ``offset`` counts unscored items as well; what is missing or no number
    passes no ``$gt`` instead of raising; values must be JSON.

    Sync methods run in the calling thread, which waits. ``origin`` is whoever puts and asks (default: the memory's own).
    Raises `mnemic.errors.InvalidInput`, `GuardRefused` (a policy may refuse a text; nothing of the batch is stored then) and
    `StoreUnavailable`, and LangGraph's own errors for its namespaces.
    """

    supports_ttl = True

    def __init__(
        self, memory: Memory, *, root: Sequence[str] | str | None = None, index: FieldsConfig | None = None,
        ttl: TTLConfig | None = None, origin: Origin | None = None, include_withheld: bool = False,
    ) -> None:  # fmt: skip
        _check_config(
            "index", index, {"fields", "dims", "embed"}, hint='Give index={"fields": ["text"]}, or leave it out.'
        )
        _check_config(
            "ttl", ttl, {*TTLConfig.__annotations__, "omit_expired"}, hint='Give ttl={"default_ttl": 60}, in minutes.'
        )
        if index is not None and "embed" in index:
            raise InvalidInput(
                "index names an embedder, but the memory has its own.", hint="Give it to open_memory(embedder=…)."
            )
        from mnemic.services.items.operations import check_root

        self.memory = checked_memory(memory)
        self.ttl_config = ttl
        self._fields = check_fields((index or {}).get("fields") or (WHOLE,), name="fields of index")
        self._options: dict[str, Any] = {
            "root": check_root(memory.settings.namespace if root is None else root),
            "origin": origin,
        }
        self._reading = {
            "include_withheld": include_withheld,
            "omit_expired": bool((ttl or {}).get("omit_expired", False)),
            "fields": self._fields,
        }
        self._sweep_every = _minutes((ttl or {}).get("sweep_interval_minutes"))
        self._next_sweep: datetime | None = None

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """The answers to ``ops``: all reads see what was there before, then all puts are done, or none of them."""
        asked = [_operation(op) for op in ops]
        if self._sweep_every is not None and self._is_sweep_due(self.memory.run_now(_present_moment())):
            self.sweep_ttl()
        return [_result(answer) for answer in self.memory.items.run_now(asked, **self._options, **self._reading)]

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """`batch` for callers with an event loop."""
        asked = [_operation(op) for op in ops]
        if self._sweep_every is not None and self._is_sweep_due(await self.memory.run(_present_moment())):
            await self.asweep_ttl()
        return [_result(answer) for answer in await self.memory.items.run(asked, **self._options, **self._reading)]

    def sweep_ttl(self) -> int:
        """Take away what has expired; how many items that were."""
        return self.memory.items.sweep_now(**self._options)

    async def asweep_ttl(self) -> int:
        """`sweep_ttl` for callers with an event loop."""
        return await self.memory.items.sweep(**self._options)

    def _is_sweep_due(self, now: datetime) -> bool:
        """Whether ``now`` is past the next time; if so, or if there was none yet, that is set anew."""
        assert self._sweep_every is not None
        due = self._next_sweep is not None and now >= self._next_sweep
        if due or self._next_sweep is None:
            self._next_sweep = now + self._sweep_every
        return due


def _present_moment() -> Callable[..., datetime]:
    from mnemic.services.items.operations import present_moment  # brings numpy along

    return present_moment


def _check_config(name: str, given: object, known: set[str], *, hint: str) -> None:
    """Raises `InvalidInput` for what is no configuration, or has a key that would be passed by in silence."""
    if given is not None and (not isinstance(given, dict) or set(given) - known):
        raise InvalidInput(f"{name} is {shown(given, 100)}.", hint=hint)


def _operation(op: Op) -> ItemOperation:
    validate_op_namespace(op)
    if isinstance(op, GetOp):
        return GetItem(path=tuple(op.namespace), key=op.key, refresh=op.refresh_ttl)
    if isinstance(op, PutOp):
        index: Any = tuple(op.index) if isinstance(op.index, list) else op.index  # the engine checks what it is
        return PutItem(path=tuple(op.namespace), key=op.key, value=op.value, index=index, ttl=_minutes(op.ttl))
    if isinstance(op, SearchOp):
        return FindItems(
            prefix=tuple(op.namespace_prefix), query=op.query, filter=op.filter, limit=op.limit, offset=op.offset,
            refresh=op.refresh_ttl,
        )  # fmt: skip
    if isinstance(op, ListNamespacesOp):
        patterns = tuple(
            PathPattern(labels=tuple(one.path), end=one.match_type) for one in op.match_conditions or ()
        )  # fmt: skip
        return ListPaths(patterns=patterns, max_depth=op.max_depth, limit=op.limit, offset=op.offset)
    raise ValueError(f"Unknown operation type: {type(op)}")


def _minutes(ttl: float | None) -> timedelta | None:
    try:
        return None if ttl is None else timedelta(minutes=ttl)
    except (OverflowError, TypeError, ValueError):
        raise InvalidInput(
            f"ttl is {shown(ttl)}.", hint="Give minutes, or leave it out for an item that stays."
        ) from None


def _result(answer: ItemAnswer) -> Result:
    if isinstance(answer, Item):
        return StoreItem(
            value=answer.value, key=answer.key, namespace=answer.path, created_at=answer.created_at,
            updated_at=answer.updated_at,
        )  # fmt: skip
    if answer is None:
        return None
    found: list[SearchItem] = []
    paths: list[ItemPath] = []
    for one in answer:
        if isinstance(one, FoundItem):
            found.append(
                SearchItem(
                    one.item.path, one.item.key, one.item.value, one.item.created_at, one.item.updated_at, one.score
                )
            )
        else:
            paths.append(one)
    return found or paths
