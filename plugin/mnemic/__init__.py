"""mnemic gives any agent a memory that checks itself.

    async with mnemic.open_memory("notes") as memory:
        await memory.remember("Ana moved to Lisbon in May.")
        result = await memory.recall("Where does Ana live?")

Importing this package is cheap: everything heavy is imported when a memory is opened.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnemic.backup import back_up_memory as back_up_memory
    from mnemic.backup import restore_memory as restore_memory
    from mnemic.bootstrap import load_settings as load_settings
    from mnemic.domain.memory import Kind as Kind
    from mnemic.domain.memory import MemoryRecord as MemoryRecord
    from mnemic.domain.memory import NewMemory as NewMemory
    from mnemic.domain.memory import Remembered as Remembered
    from mnemic.domain.memory import Role as Role
    from mnemic.domain.memory import Status as Status
    from mnemic.domain.provenance import Channel as Channel
    from mnemic.domain.provenance import Origin as Origin
    from mnemic.domain.recall import Explanation as Explanation
    from mnemic.domain.recall import Hit as Hit
    from mnemic.domain.recall import Passage as Passage
    from mnemic.domain.recall import RecallResult as RecallResult
    from mnemic.domain.working_memory.messages import Message as Message
    from mnemic.domain.working_memory.messages import ToolCall as ToolCall
    from mnemic.errors import MnemicError as MnemicError
    from mnemic.memory import Memory as Memory
    from mnemic.opening import open_memory as open_memory
    from mnemic.session import Session as Session
    from mnemic.settings import Settings as Settings

__version__ = "0.1.0"

_EXPORTS = {
    "Channel": "mnemic.domain.provenance",
    "Hit": "mnemic.domain.recall",
    "Kind": "mnemic.domain.memory",
    "Memory": "mnemic.memory",
    "MemoryRecord": "mnemic.domain.memory",
    "Message": "mnemic.domain.working_memory.messages",
    "MnemicError": "mnemic.errors",
    "NewMemory": "mnemic.domain.memory",
    "Origin": "mnemic.domain.provenance",
    "Explanation": "mnemic.domain.recall",
    "Passage": "mnemic.domain.recall",
    "RecallResult": "mnemic.domain.recall",
    "Remembered": "mnemic.domain.memory",
    "Role": "mnemic.domain.memory",
    "Session": "mnemic.session",
    "Settings": "mnemic.settings",
    "Status": "mnemic.domain.memory",
    "ToolCall": "mnemic.domain.working_memory.messages",
    "back_up_memory": "mnemic.backup",
    "load_settings": "mnemic.bootstrap",
    "open_memory": "mnemic.opening",
    "restore_memory": "mnemic.backup",
}

__all__ = [
    "Channel",
    "Explanation",
    "Hit",
    "Kind",
    "Memory",
    "MemoryRecord",
    "Message",
    "MnemicError",
    "NewMemory",
    "Origin",
    "Passage",
    "RecallResult",
    "Remembered",
    "Role",
    "Session",
    "Settings",
    "Status",
    "ToolCall",
    "__version__",
    "back_up_memory",
    "load_settings",
    "open_memory",
    "restore_memory",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'mnemic' has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)
