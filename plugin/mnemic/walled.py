"""A memory as one of several callers has it: with their rights, in their namespaces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from mnemic.memory import Memory

if TYPE_CHECKING:
    import anyio

    from mnemic.domain.access import Access, Right
    from mnemic.domain.memory import Namespace
    from mnemic.partitioning import Opened

_T = TypeVar("_T")


class WalledMemory(Memory):
    """What `Memory.within` gives. It shares the open memory that it was made from, and does not close it.

    Besides their own errors all methods raise `AccessDenied` for want of a right or outside the caller's namespaces; by its
    id a memory from elsewhere is unknown.
    """

    def __init__(self, whole: Memory, access: Access) -> None:
        settings = whole.settings.model_copy(update={"namespace": access.namespaces[0]})
        super().__init__(settings, origin=whole._origin, observer=whole._observer)
        self.access = access
        self._whole = whole
        self._walled: tuple[Opened, Opened] | None = None

    def may(self, right: Right) -> bool:
        return right in self.access.rights

    @property
    def roots(self) -> tuple[Namespace, ...]:
        return self.access.roots

    async def open(self) -> None:
        await self._whole.open()

    async def close(self) -> None:
        """Nothing: the whole memory stays open."""

    def close_now(self) -> None:
        """Nothing: the whole memory stays open."""

    async def run(self, use_case: Callable[..., _T], *args: Any, **named: Any) -> _T:
        self._require(use_case)
        return await super().run(use_case, *args, **named)

    def run_now(self, use_case: Callable[..., _T], *args: Any, **named: Any) -> _T:
        self._require(use_case)
        return super().run_now(use_case, *args, **named)

    async def _stream(
        self, use_case: Callable[..., Generator[_T, None, None]], **named: Any
    ) -> AsyncGenerator[_T, None]:
        self._require(use_case)
        async with aclosing(super()._stream(use_case, **named)) as bits:
            async for bit in bits:
                yield bit

    @property
    def _limiter(self) -> anyio.CapacityLimiter:
        return self._whole._limiter

    def _opened(self) -> Opened:
        opened = self._whole._opened()
        if self._walled is None or self._walled[0] is not opened:
            self._walled = (opened, opened.walled(self.access))
        return self._walled[1]

    def _require(self, use_case: Callable[..., Any]) -> None:
        from mnemic.services.rights import rights_for

        for right in sorted(rights_for(use_case)):
            self.access.require(right)
