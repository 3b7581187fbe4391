"""Making a memory out of a folder, settings, and models in the forms in which people have them."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnemic.bootstrap import load_settings
from mnemic.domain.provenance import Origin
from mnemic.errors import InvalidInput, MnemicError
from mnemic.memory import Memory

if TYPE_CHECKING:
    from mnemic.protocols import ChatModel, Embedder, Reranker
    from mnemic.settings import Settings


def open_memory(
    home: Path | str | None = None, *, embedder: Any = None, origin: Origin | None = None,
    summarise: Callable[[str, str], str] | None = None, model: Any = None, reranker: Reranker | None = None,
    **settings: Any,
) -> Memory:  # fmt: skip
    """A memory in the folder ``home`` (default: ``MNEMIC_HOME``, else the platform's data folder), not opened yet.

    ``embedder`` is an `Embedder`, or a LangChain ``Embeddings`` object together with ``embedder_id="name-and-version"``.
    ``model`` is a `mnemic.protocols.ChatModel`, a LangChain chat model, or a name for ``init_chat_model``: the guard asks
    it where its policy says so (``judge.when``), and learning has it write experiences.
    ``reranker`` takes the place of MiniLM in deep recall.
    ``summarise`` gives a short summary of (a text, what it must keep) for working memory; it may raise, and the telling
    lines of the text serve then, as they do without it. ``settings`` are fields of `Settings`; they go before the
    environment. Raises `InvalidInput`.
    """
    embedder_id = settings.pop("embedder_id", None)
    _check_embedder_id(embedder_id, embedder)
    if isinstance(embedder, str):
        settings["embedder"], embedder = embedder, None
    if isinstance(model, str):
        settings["model"], model = model, None
    if summarise is not None and not callable(summarise):
        raise InvalidInput(
            f"summarise is {type(summarise).__name__}, which cannot be called.",
            hint="Give a function of a text and of what it must keep.",
        )
    if home is not None and not isinstance(home, str | PathLike):
        raise InvalidInput(f"home is {type(home).__name__}.", hint="Give the path of a folder.")
    return Memory(
        load_settings(home=home, **settings), embedder=_as_embedder(embedder, embedder_id), origin=origin,
        summarise=summarise, model=_as_model(model), reranker=_as_reranker(reranker),
    )  # fmt: skip


def _as_embedder(given: Any, id: Any) -> Embedder | None:
    if given is None:
        return None
    if hasattr(given, "embed"):
        from mnemic.storage.given_models import GivenEmbedder

        return GivenEmbedder(given)
    if not hasattr(given, "embed_documents"):
        raise InvalidInput(
            f"embedder is {type(given).__name__}, which has neither embed nor embed_documents.",
            hint='Give an `Embedder`, a LangChain Embeddings object, or a name as in embedder="minilm".',
        )
    if not id:
        raise InvalidInput(
            "An Embeddings object was given without embedder_id.",
            hint='Name the model and its version, as in embedder_id="text-embedding-3-small".',
        )
    from mnemic.storage.langchain_embedder import LangChainEmbedder

    return LangChainEmbedder(given, id=id)


def _as_model(given: Any) -> ChatModel | None:
    if given is None:
        return None
    if hasattr(given, "complete"):
        from mnemic.storage.given_models import GivenModel

        return GivenModel(given)
    if not hasattr(given, "invoke"):
        raise InvalidInput(
            f"model is {type(given).__name__}, which has neither complete nor invoke.",
            hint='Give a LangChain chat model, a `ChatModel`, or a name as in model="openai:gpt-5-mini".',
        )
    from mnemic.storage.langchain_model import LangChainModel

    return LangChainModel(given)


def _as_reranker(given: Any) -> Reranker | None:
    if given is None:
        return None
    if not hasattr(given, "rerank"):
        raise InvalidInput(
            f"reranker is {type(given).__name__}, which has no rerank.", hint="Give a `mnemic.protocols.Reranker`."
        )
    from mnemic.storage.given_models import GivenReranker

    return GivenReranker(given)


def _check_embedder_id(embedder_id: object, embedder: Any) -> None:
    """Raise `InvalidInput` for an id that would name nothing: what has one of its own, or no embedder at all."""
    named = embedder is None or isinstance(embedder, str)
    if embedder_id is None or (not named and not hasattr(embedder, "embed")):
        return
    if not named and getattr(embedder, "id", None) == embedder_id:
        return
    has = (
        "no embedder" if embedder is None else f"embedder={embedder!r}" if isinstance(embedder, str) else "an Embedder"
    )
    raise InvalidInput(
        f"embedder_id was given with {has}.",
        hint="It names the model behind a LangChain Embeddings object: give that as embedder, or leave embedder_id out.",
    )


def is_made(settings: Settings) -> bool:
    """Whether there is a memory where the settings say. Makes none. What cannot be looked into counts as made: opening it
    tells why it cannot.
    """
    if settings.database is None:
        try:
            settings.ledger_path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return True
    try:
        from mnemic.storage.postgres.ledger import holds_ledger

        return holds_ledger(settings.database, settings.database_schema)
    except (ImportError, MnemicError):
        return True
