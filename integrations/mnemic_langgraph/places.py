"""Where in a memory a graph reads and writes, and on whose behalf."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config

from mnemic import Channel, Origin
from mnemic.domain.memory import Namespace
from mnemic.domain.validation import MAX_LABEL_CHARS, check_label
from mnemic.errors import InvalidInput
from mnemic_langgraph.nodes import thread_id

NamespaceLike = str | Namespace | None | Callable[[Any, RunnableConfig], str | Namespace | None]
"""A namespace, or a function of the state and the config that names one; None is the memory's own.

    namespace=lambda state, config: ("users", config["configurable"]["user_id"])
"""


def namespace_of(namespace: NamespaceLike, state: Any) -> str | Namespace | None:
    """The namespace for this state, in the graph that runs."""
    if not callable(namespace):
        return namespace
    return namespace(state, current_config())


def current_config() -> RunnableConfig:
    """The config of the graph that runs; an empty one outside of a graph."""
    try:
        return get_config()
    except (RuntimeError, KeyError):
        return RunnableConfig()


def writer(channel: Channel | str = Channel.AGENT) -> Origin:
    """Who writes and asks in the graph that runs. Every thread is a connection of its own.

    So what is delivered to one conversation says nothing about what another writes.
    """
    thread = thread_id()
    connection = _label(f"langgraph {thread}") if thread else None
    return Origin(channel=Channel(channel), client="langgraph", connection=connection)


def session_name() -> str | None:
    """The session of the thread that runs: its id, in a form that a session's name may have."""
    thread = thread_id()
    return _label(thread) if thread else None


def _label(name: str) -> str:
    """``name``; where no label may be like it, its visible beginning with a digest, so that no two threads share one."""
    with suppress(InvalidInput):
        if check_label(name, name="thread_id") == name:
            return name
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:16]
    beginning = "".join(char for char in name if char.isprintable())[: MAX_LABEL_CHARS - len(digest) - 1]
    return f"{beginning.strip()} {digest}".strip()
