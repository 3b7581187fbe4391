"""The ports: small contracts between the engine and what it stands on.

Every port is synchronous. The public API runs a whole use case in one worker thread, so a use case reads one consistent
snapshot and pays for one change of thread. `mnemic.testing` ships a contract suite for each port that others implement.
"""

from mnemic.protocols.ledger import (
    FORGOTTEN,
    WHOLE_INDEX,
    FeedRow,
    Finding,
    IndexState,
    Ledger,
    LedgerSnapshot,
    LedgerTransaction,
    LexicalHit,
)
from mnemic.protocols.models import ChatModel, Clock, Embedder, LangChainEmbeddings, TokenCounter, Vectors
from mnemic.protocols.sessions import SessionInfo, SessionReader, SessionWriter, StoredMessage
from mnemic.protocols.vector_index import VectorIndex

__all__ = [
    "FORGOTTEN",
    "WHOLE_INDEX",
    "ChatModel",
    "Clock",
    "Embedder",
    "FeedRow",
    "Finding",
    "IndexState",
    "LangChainEmbeddings",
    "Ledger",
    "LedgerSnapshot",
    "LedgerTransaction",
    "LexicalHit",
    "SessionInfo",
    "SessionReader",
    "SessionWriter",
    "StoredMessage",
    "TokenCounter",
    "VectorIndex",
    "Vectors",
]
