"""A model that is paid for, faked: the Messages API on loopback, with streaming; its answers are written down beforehand."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

_USAGE = {"input_tokens": 100, "output_tokens": 10, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}


@dataclass(frozen=True)
class Call:
    """The model calls a tool of its host."""

    name: str
    input: dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """The API answers with an error of the caller's, which nobody tries again."""

    message: str


Block = str | Call
Answer = Sequence[Block] | Refusal


class ScriptedApi:
    """Answers a prompt of ``script`` with its answers in turn, one for each request, and anything else with ``otherwise``.

    Which answer is due follows from the request alone, so what a host asks twice or on the side does no harm.
    ``requests`` are the bodies that came, in order.
    """

    def __init__(self, script: Mapping[str, Sequence[Answer]], *, otherwise: str = "Understood.") -> None:
        self.script, self.otherwise = script, otherwise
        self.requests: list[dict[str, Any]] = []
        app = Starlette(routes=[Route("/{path:path}", self._hear, methods=["GET", "HEAD", "POST"])])
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def __enter__(self) -> ScriptedApi:
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    async def _hear(self, request: Request) -> Response:
        path = request.path_params["path"]
        if request.method != "POST" or not path.endswith(("messages", "count_tokens")):
            return _error("not_found_error", path, 404)
        body = await request.json()
        if path.endswith("count_tokens"):
            return JSONResponse({"input_tokens": len(json.dumps(body)) // 4})
        self.requests.append(body)
        answer = self._due(body)
        if isinstance(answer, Refusal):
            return _error("invalid_request_error", answer.message, 400)
        message = _message(answer, len(self.requests), str(body.get("model")))
        if body.get("stream"):
            return StreamingResponse(_events(message), media_type="text/event-stream")
        return JSONResponse(message)

    def _due(self, body: Mapping[str, Any]) -> Answer:
        """By the last prompt of the script, and how often it was answered already."""
        answered = 0
        for message in reversed(body["messages"] if body.get("tools") else []):
            if message["role"] == "assistant":
                answered += 1
            for text in texts_of(message) if message["role"] == "user" else []:
                if text.strip() in self.script:
                    due = self.script[text.strip()]
                    return due[answered] if answered < len(due) else [self.otherwise]
        return [self.otherwise]


def texts_of(message: Mapping[str, Any]) -> list[str]:
    """The texts of a message in a request."""
    content = message["content"]
    return [content] if isinstance(content, str) else [block["text"] for block in content if block["type"] == "text"]


def _error(kind: str, message: str, status: int) -> Response:
    return JSONResponse({"type": "error", "error": {"type": kind, "message": message}}, status)


def _message(answer: Sequence[Block], number: int, model: str) -> dict[str, Any]:
    content = [
        {"type": "text", "text": block} if isinstance(block, str)
        else {"type": "tool_use", "id": f"toolu_{number:03}{at}", "name": block.name, "input": block.input}
        for at, block in enumerate(answer)
    ]  # fmt: skip
    return {
        "id": f"msg_{number:03}", "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": "tool_use" if content[-1]["type"] == "tool_use" else "end_turn", "stop_sequence": None,
        "usage": _USAGE,
    }  # fmt: skip


def _events(message: Mapping[str, Any]) -> Iterator[str]:
    def event(kind: str, **fields: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"

    yield event("message_start", message={**message, "content": [], "stop_reason": None})
    for at, block in enumerate(message["content"]):
        if block["type"] == "text":
            begun, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            begun = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield event("content_block_start", index=at, content_block=begun)
        yield event("content_block_delta", index=at, delta=delta)
        yield event("content_block_stop", index=at)
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield event("message_delta", delta=ended, usage=_USAGE)
    yield event("message_stop")
