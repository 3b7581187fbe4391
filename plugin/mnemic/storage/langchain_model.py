"""Any LangChain chat model as a `ChatModel`, without importing LangChain."""

from __future__ import annotations

import importlib
from typing import Any

from mnemic.errors import InvalidInput, ModelFailed


class LangChainModel:
    """Implements `mnemic.protocols.ChatModel` over anything with LangChain's ``invoke``."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def complete(self, prompt: str) -> str:
        try:
            answer = self._model.invoke(prompt)
        except Exception as error:
            raise ModelFailed(f"The model failed ({type(error).__name__}: {error}).", hint="Try again.") from error
        content = getattr(answer, "content", answer)
        if isinstance(content, list):
            # Some providers answer in parts, of which only the texts are the answer.
            parts = [part if isinstance(part, str) else part.get("text", "") for part in content]
            content = "".join(part for part in parts if isinstance(part, str))
        if not isinstance(content, str):
            raise ModelFailed(f"The model answered with {type(content).__name__}.", hint="Use a chat model.")
        return content


def model_named(name: str) -> LangChainModel:
    """The chat model that LangChain's ``init_chat_model`` makes of ``name``, such as ``openai:gpt-5-mini``.

    Raises `InvalidInput` when LangChain or the provider's package is not installed, or the name means nothing to it.
    """
    try:
        create = importlib.import_module("langchain.chat_models").init_chat_model
        return LangChainModel(create(name))
    except ImportError as error:
        raise InvalidInput(
            f"The model {name!r} needs a package that is not installed ({error}).",
            hint="Install langchain and the provider's package, or leave MNEMIC_MODEL out.",
        ) from error
    except Exception as error:
        raise InvalidInput(
            f"LangChain knows no model {name!r} ({type(error).__name__}: {error}).",
            hint='Name provider and model, as in "openai:gpt-5-mini".',
        ) from error
