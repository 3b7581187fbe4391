"""The items of an open memory: values that programs keep under keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mnemic.domain.items import WHOLE, ItemAnswer, ItemOperation
from mnemic.domain.memory import EraseReceipt, Namespace
from mnemic.domain.provenance import Origin

if TYPE_CHECKING:
    from mnemic.memory import Memory


class ItemDesk:
    """Keyed values whose words are memories: ``memory.items``.

    The operations are those of `mnemic.domain.items`: `GetItem`, `PutItem`, `FindItems`, `ListPaths`. Items lie below
    ``root`` (default: the memory's namespace), which tells stores apart: nothing of one is seen from another. Every method
    has one of the same name and ``_now`` that runs in the calling thread, for callers without an event loop.
    Errors as everywhere: `InvalidInput`, `GuardRefused`, `StoreUnavailable`.
    """

    def __init__(self, memory: Memory, origin: Origin) -> None:
        self._memory = memory
        self._origin = origin

    async def run(self, operations: Sequence[ItemOperation], **options: Any) -> list[ItemAnswer]:
        """The answers to a batch: reads see what was there before, then all puts are done or none.

        ``options``: ``root``; ``fields``, the paths of what is indexed where a put does not say (default: the whole value);
        ``omit_expired``; ``include_withheld``, what the guard keeps back comes out all the same; ``origin``, whoever puts
        or asks.
        """
        return await self._memory.run(self._batch(operations, **options))

    def run_now(self, operations: Sequence[ItemOperation], **options: Any) -> list[ItemAnswer]:
        """`run` in the calling thread."""
        return self._memory.run_now(self._batch(operations, **options))

    async def sweep(self, *, root: Namespace | str | None = None, origin: Origin | None = None) -> int:
        """Take away what has expired; how many items that were."""
        return await self._memory.run(self._sweep(root, origin))

    def sweep_now(self, *, root: Namespace | str | None = None, origin: Origin | None = None) -> int:
        """`sweep` in the calling thread."""
        return self._memory.run_now(self._sweep(root, origin))

    async def erase(self, path: Sequence[str], key: str, *, root: Namespace | str | None = None) -> EraseReceipt | None:
        """Destroy an item with its memories and all their versions for good. None when nothing is under the key."""
        from mnemic.services.items.operations import erase_item

        return await self._memory.run(erase_item, path, key, root=self._root(root))

    def _batch(
        self, operations: Sequence[ItemOperation], *, root: Namespace | str | None = None, fields: Iterable[str] = (WHOLE,),
        omit_expired: bool = False, include_withheld: bool = False, origin: Origin | None = None,
    ) -> Callable[..., list[ItemAnswer]]:  # fmt: skip
        from mnemic.services.items.operations import run_items

        return partial(
            run_items, operations=operations, root=self._root(root), origin=origin or self._origin, fields=fields,
            omit_expired=omit_expired, include_withheld=include_withheld,
        )  # fmt: skip

    def _sweep(self, root: Namespace | str | None, origin: Origin | None) -> Callable[..., int]:
        from mnemic.services.items.operations import sweep_items

        return partial(sweep_items, root=self._root(root), origin=origin or self._origin)

    def _root(self, root: Namespace | str | None) -> Any:
        return self._memory.settings.namespace if root is None else root
