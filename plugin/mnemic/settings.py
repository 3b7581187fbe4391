"""How a memory is opened: every setting with its default and what it means."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, field_validator

from mnemic.domain.home import CHROMA_FOLDER, CHROMA_LOCK, LEDGER_FILE, MODELS_FOLDER
from mnemic.domain.memory import DEFAULT_NAMESPACE, Namespace
from mnemic.domain.partitions import MOST_PARTITIONS
from mnemic.domain.validation import check_namespace

APP_NAME = "mnemic"


class Settings(BaseModel):
    """How a memory is opened. Every field can be set by an environment variable ``MNEMIC_<FIELD>``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir(APP_NAME, appauthor=False)),
        description="The folder that holds everything: `ledger.sqlite3`, `chroma/` and `models/`.",
    )
    database: str | None = Field(
        None,
        repr=False,
        description="A PostgreSQL database that holds the ledger instead of the folder: `postgresql://user@host/db`. "
        "Needs `mnemic[postgres]`.",
    )
    database_schema: str = Field("mnemic", description="The schema in that database. Each is a memory of its own.")
    database_partitions: int = Field(
        1,
        ge=1,
        le=MOST_PARTITIONS,
        description="Into how many ledgers the memory in that database is divided, by the first label of the namespace. It "
        "is settled when the memory is made.",
    )
    namespace: Namespace = Field(
        DEFAULT_NAMESPACE,
        description="Where memories go that name no namespace. In the environment: labels joined by `/`.",
    )
    embedder: Literal["static", "minilm"] = Field(
        "static", description="`static` needs no download; `minilm` needs `mnemic models fetch minilm` once."
    )
    recall_mode: Literal["default", "deep"] = Field(
        "default",
        description="`deep`: recall looks at the best candidates once more with a model, which needs `mnemic models fetch "
        "minilm` once.",
    )
    durable: bool = Field(
        True,
        description="An acknowledged memory survives a power cut. False: it survives `kill -9` only, and writing is faster.",
    )
    token_counter: Literal["auto", "tiktoken", "heuristic"] = Field(
        "auto", description="`auto` and `heuristic` never use the network; `tiktoken` may download its encoding once."
    )
    policy: str = Field(
        "default",
        min_length=1,
        description="What the guard does: the name of a policy that comes with mnemic, or the path of a YAML file.",
    )
    refinement: Literal["default", "decayed", "reme-paper", "reme-code"] = Field(
        "default",
        description="By which rule experiences that do not help are proposed for archiving.",
    )
    model: str | None = Field(
        None,
        description="A chat model, as LangChain's `init_chat_model` names it, for what rules do without one.",
    )
    facts: Literal["auto", "off"] = Field(
        "auto",
        description="`auto`: a short statement of a fact takes the place of what it changes. `off`: only what names its "
        "subject and attribute does.",
    )
    cold_after_days: int = Field(
        90,
        ge=0,
        le=36_500,
        description="What is archived and was not touched for so long keeps its text and history, and is not searched until "
        "it is restored. 0: never by itself, only by `mnemic cool`.",
    )
    chroma: Literal["off", "embedded", "server", "cloud"] = Field(
        "embedded",
        description="Which Chroma serves as the vector index: `off`, `embedded` in the folder, a `server`, or the `cloud`.",
    )
    chroma_from_memories: int = Field(
        20_000,
        ge=0,
        description="Namespaces of so many memories are in Chroma; for smaller ones an exact scan is faster.",
    )
    chroma_host: str = Field("127.0.0.1", description="Address of the Chroma server.")
    chroma_port: int = Field(8000, ge=1, le=65_535, description="Port of the Chroma server.")
    chroma_ssl: bool = Field(False, description="Whether the Chroma server speaks TLS.")
    chroma_tenant: str | None = Field(None, description="Tenant in Chroma Cloud.")
    chroma_database: str | None = Field(None, description="Database in Chroma Cloud.")
    chroma_api_key: str | None = Field(
        None, repr=False, description="Key for Chroma Cloud, or bearer token for a Chroma server."
    )
    chroma_poll_seconds: float = Field(
        1.0, gt=0, le=60, description="How often a process looks whether it should own or feed Chroma."
    )

    @field_validator("database")
    @classmethod
    def _no_address(cls, value: str | None) -> str | None:
        """An empty address is none: so a throw-away memory stays in its folder whatever the environment names."""
        return value or None

    @field_validator("policy", mode="before")
    @classmethod
    def _path_as_text(cls, value: Any) -> Any:
        return os.fspath(value) if isinstance(value, os.PathLike) else value

    @field_validator("namespace", mode="before")
    @classmethod
    def _split_namespace(cls, value: Any) -> Namespace:
        return check_namespace(value)

    @property
    def index(self) -> Literal["off", "embedded", "server", "cloud"]:
        """Which Chroma is used. A ledger in a database is used from several machines, whose folders cannot share one."""
        return "off" if self.database is not None and self.chroma == "embedded" else self.chroma

    @property
    def partitions(self) -> int:
        """How many ledgers there are. A folder has one."""
        return 1 if self.database is None else self.database_partitions

    @property
    def ledger_path(self) -> Path:
        return self.home / LEDGER_FILE

    @property
    def chroma_path(self) -> Path:
        return self.home / CHROMA_FOLDER

    @property
    def chroma_lock_path(self) -> Path:
        return self.home / CHROMA_LOCK

    @property
    def models_path(self) -> Path:
        return self.home / MODELS_FOLDER
