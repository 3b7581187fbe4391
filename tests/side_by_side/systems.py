"""The systems: how each is started, told to remember, asked, and listed. Ids are what the system itself calls a memory."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnemic.domain.memory import NewMemory
from mnemic.testing.recall_bench.rivals import plain_text
from tests.side_by_side.client import Client, SystemFailed, text_of
from tests.side_by_side.environments import SERVER_MEMORY, link_model

_WORD = re.compile(r"[^\W_]{4,}")
_HASH = re.compile(r"^ {3}Hash: ([0-9a-f]{64})$", re.MULTILINE)
_STORED = re.compile(r"\(hash: ([0-9a-f]{64})\)")
_PAGE = 100
_MNEMIC_BATCH = 200
_BATCH = 500
# One core for linear algebra, for all: the machine has few, and the driver needs one.
COMMON_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True, slots=True)
class Places:
    """``cache`` holds the environments, ``model`` all-MiniLM-L6-v2, None when it is not to be had."""

    cache: Path
    model: Path | None


class System(ABC):
    """A memory in one configuration. ``key`` names it in the results, ``environment_name`` the environment it runs in."""

    key: str
    title: str
    environment_name: str
    driven: str
    embedder: str
    needs_model = False

    def __init__(self, places: Places) -> None:
        self.places = places

    @property
    def installed(self) -> Path:
        return self.places.cache / self.environment_name

    @property
    def model(self) -> Path:
        assert self.places.model is not None
        return self.places.model

    def start(self, folder: Path, *, before: Sequence[str] = ()) -> Client:
        """A process on the store in ``folder``; ``before`` is put before the command, as strace is."""
        folder.mkdir(parents=True, exist_ok=True)
        log = folder.with_name(folder.name + ".log")
        return Client([*before, *self.command(folder)], {**COMMON_ENVIRONMENT, **self.environment(folder)}, log)

    @abstractmethod
    def command(self, folder: Path) -> list[str]: ...

    def environment(self, folder: Path) -> dict[str, str]:
        return {}

    def remember(self, client: Client, text: str) -> str:
        """The id of what one text is kept as, when the system says that it is. Raises `SystemFailed`."""
        return self.remember_turns(client, [NewMemory(text=text)])[0]

    @abstractmethod
    def remember_turns(self, client: Client, turns: Sequence[NewMemory]) -> list[str]:
        """The same for many, in batches where the system has them: for filling a store, which is not timed."""

    @abstractmethod
    def recall(self, client: Client, query: str, k: int) -> list[str]:
        """Ids, best first: one call, which is what is timed."""

    def other_recalls(self) -> Mapping[str, Callable[[Client, str, int], list[str]]]:
        """Other ways of asking, whose quality is measured as well; the README shows the best."""
        return {}

    @abstractmethod
    def texts(self, client: Client, folder: Path) -> set[str]:
        """Everything that it says it holds, by its own listing or export. Raises `SystemFailed`."""


class Mnemic(System):
    key, title, environment_name = "mnemic", "mnemic", "mnemic"
    driven = "MCP over stdio"
    embedder = "static vectors (its default)"

    def command(self, folder: Path) -> list[str]:
        return [str(self.installed / "bin" / "mnemic"), "serve", "--home", str(folder)]

    def remember_turns(self, client: Client, turns: Sequence[NewMemory]) -> list[str]:
        ids: list[str] = []
        for at in range(0, len(turns), _MNEMIC_BATCH):
            first, *more = [_fields(turn) for turn in turns[at : at + _MNEMIC_BATCH]]
            result = client.tool("remember", {**first, "more": more} if more else first)
            ids += [one["id"] for one in result["structuredContent"]["results"]]
        return ids

    def recall(self, client: Client, query: str, k: int) -> list[str]:
        # As much room as ten long texts need: the others have no budget.
        found = client.tool("recall", {"query": query, "k": k, "min_score": 0, "budget_tokens": 20_000})
        return [one["id"] for one in found["structuredContent"]["memories"]]

    def texts(self, client: Client, folder: Path) -> set[str]:
        command = [str(self.installed / "bin" / "mnemic"), "export", "--home", str(folder), "-"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            raise SystemFailed(done.stderr[-400:])
        return {one["text"] for line in done.stdout.splitlines() if "text" in (one := json.loads(line))}


class MnemicMiniLm(Mnemic):
    key, title = "mnemic-minilm", "mnemic, MiniLM"
    embedder = "all-MiniLM-L6-v2 (MNEMIC_EMBEDDER=minilm)"
    needs_model = True

    def environment(self, folder: Path) -> dict[str, str]:
        link_model(self.model, folder / "models" / "minilm")
        return {"MNEMIC_EMBEDDER": "minilm"}


class Mem0(System):
    key, title, environment_name = "mem0", "mem0 (Chroma, infer=False)", "mem0"
    driven = "its library in a process of its own, without MCP"
    embedder = "all-MiniLM-L6-v2"
    needs_model = True

    def command(self, folder: Path) -> list[str]:
        worker = Path(__file__).with_name("mem0_worker.py")
        return [str(self.installed / "bin" / "python"), str(worker), str(folder), str(self.model)]

    def remember_turns(self, client: Client, turns: Sequence[NewMemory]) -> list[str]:
        ids: list[str] = []
        for at in range(0, len(turns), _BATCH):
            texts = [plain_text(turn) for turn in turns[at : at + _BATCH]]
            stored = client.tool("remember", {"texts": texts})["structuredContent"]["value"]
            if len(stored) != len(texts):
                raise SystemFailed(f"{len(stored)} of {len(texts)} were stored")
            ids += stored
        return ids

    def recall(self, client: Client, query: str, k: int) -> list[str]:
        found = client.tool("recall", {"query": query, "k": k})["structuredContent"]["value"]
        return [one["id"] for one in found]

    def texts(self, client: Client, folder: Path) -> set[str]:
        return set(client.tool("list", {})["structuredContent"]["value"])


class MemoryService(System):
    key, title, environment_name = "mcp-memory-service", "mcp-memory-service", "mcp-memory-service"
    driven = "MCP over stdio"
    embedder = "all-MiniLM-L6-v2 (its own ONNX path)"
    needs_model = True

    def command(self, folder: Path) -> list[str]:
        return [str(self.installed / "bin" / "memory"), "server"]

    def environment(self, folder: Path) -> dict[str, str]:
        home = self.places.cache / "mcp-memory-service-home"
        link_model(self.model, home / ".cache" / "mcp_memory" / "onnx_models" / "all-MiniLM-L6-v2" / "onnx")
        return {
            "HOME": str(home), "MCP_MEMORY_BASE_DIR": str(folder), "MCP_MEMORY_STORAGE_BACKEND": "sqlite_vec",
            "MCP_MEMORY_SQLITE_PATH": str(folder / "memory.db"), "MCP_MEMORY_USE_ONNX": "1",
        }  # fmt: skip

    def remember_turns(self, client: Client, turns: Sequence[NewMemory]) -> list[str]:
        # A conversation_id, or it refuses what resembles what it has: "Ana moved to Porto" after "Ana moved to Lisbon".
        ids = []
        for turn in turns:
            text = plain_text(turn)
            said = text_of(client.tool("memory_store", {"content": text, "conversation_id": "bench"}))
            found = _STORED.search(said)
            if found is None:
                raise SystemFailed(said[:400])
            ids.append(found[1])
        return ids

    def recall(self, client: Client, query: str, k: int) -> list[str]:
        return self._search(client, query, k, "semantic")

    def other_recalls(self) -> Mapping[str, Callable[[Client, str, int], list[str]]]:
        return {'mode="hybrid"': lambda client, query, k: self._search(client, query, k, "hybrid")}

    def texts(self, client: Client, folder: Path) -> set[str]:
        found: set[str] = set()
        for page in range(1, 1_000):
            shown = json.loads(text_of(client.tool("memory_list", {"page": page, "page_size": _PAGE})))["memories"]
            found |= {one["content"] for one in shown}
            if len(shown) < _PAGE:
                break
        return found

    def _search(self, client: Client, query: str, k: int, mode: str) -> list[str]:
        return _HASH.findall(text_of(client.tool("memory_search", {"query": query, "limit": k, "mode": mode})))


class ServerMemory(System):
    key, title, environment_name = "server-memory", "official memory server", "server-memory"
    driven = "MCP over stdio"
    embedder = "none: looks for the query as a piece of a text"

    def command(self, folder: Path) -> list[str]:
        return ["node", str(self.installed / "node_modules" / SERVER_MEMORY / "dist" / "index.js")]

    def environment(self, folder: Path) -> dict[str, str]:
        return {"MEMORY_FILE_PATH": str(folder / "memory.jsonl")}

    def remember_turns(self, client: Client, turns: Sequence[NewMemory]) -> list[str]:
        # An entity for each memory: as observations of one entity they would always come all together.
        ids: list[str] = []
        for at in range(0, len(turns), _BATCH):
            texts = [plain_text(turn) for turn in turns[at : at + _BATCH]]
            names = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts]
            entities = [
                {"name": name, "entityType": "memory", "observations": [text]}
                for name, text in zip(names, texts, strict=True)
            ]
            client.tool("create_entities", {"entities": entities})
            ids += names
        return ids

    def recall(self, client: Client, query: str, k: int) -> list[str]:
        return self._search(client, query)[:k]

    def other_recalls(self) -> Mapping[str, Callable[[Client, str, int], list[str]]]:
        return {"each word by itself, ranked by us": self._by_words}

    def texts(self, client: Client, folder: Path) -> set[str]:
        graph = json.loads(text_of(client.tool("read_graph", {})))
        return {text for entity in graph["entities"] for text in entity["observations"]}

    def _by_words(self, client: Client, query: str, k: int) -> list[str]:
        """What a patient model could do: look for every word of four letters and more; rarer ones count more."""
        scores: dict[str, float] = {}
        for word in dict.fromkeys(_WORD.findall(query.lower())):
            found = self._search(client, word)
            for name in found:
                scores[name] = scores.get(name, 0.0) + 1 / len(found)
        return sorted(scores, key=lambda name: -scores[name])[:k]

    def _search(self, client: Client, query: str) -> list[str]:
        graph = json.loads(text_of(client.tool("search_nodes", {"query": query})))
        return [entity["name"] for entity in graph["entities"]]


SYSTEMS: tuple[type[System], ...] = (Mnemic, MnemicMiniLm, Mem0, MemoryService, ServerMemory)


def mnemic_of_this_process(places: Places) -> System:
    """mnemic from the environment that runs now, which has it: for tests, that build no other."""

    class Here(Mnemic):
        @property
        def installed(self) -> Path:
            return Path(sys.prefix)

    return Here(places)


def _fields(turn: NewMemory) -> dict[str, Any]:
    """What `remember` is told of a turn: the same that the others find in its text."""
    fields = {"text": turn.text, "speaker": turn.speaker, "session": turn.session, "source": turn.source}
    if turn.occurred_at is not None:
        fields["occurred_at"] = turn.occurred_at if isinstance(turn.occurred_at, str) else turn.occurred_at.isoformat()
    return {name: value for name, value in fields.items() if value is not None}
