"""The ports: small contracts between the engine and what it stands on.

Every port is synchronous. The public API runs a whole use case in one worker thread, so a use case reads one consistent
snapshot and pays for one change of thread. `mnemic.testing` ships a contract suite for each port that others implement.
"""

from mnemic.protocols.cold import ColdReader, ColdWriter
from mnemic.protocols.deliveries import DELIVERY_WINDOW, MOST_DELIVERED, Deliveries
from mnemic.protocols.facts import FactReader, FactWriter, HeldFact
from mnemic.protocols.guard import GuardReader, GuardWriter
from mnemic.protocols.items import ItemReader, ItemWriter
from mnemic.protocols.learning import LearningReader, LearningWriter
from mnemic.protocols.ledger import (
    FORGOTTEN,
    WHOLE_INDEX,
    FeedRow,
    HealthCheck,
    IndexState,
    Ledger,
    LedgerSnapshot,
    LedgerTransaction,
    Neighbour,
)
from mnemic.protocols.models import ChatModel, Clock, Embedder, LangChainEmbeddings, Reranker, TokenCounter, Vectors
from mnemic.protocols.observing import Observer
from mnemic.protocols.passages import PassageReader, PassageWriter
from mnemic.protocols.retrieval import LexicalHit, RetrievalReader, SearchedText, TurnRow, WordStatistics
from mnemic.protocols.rules import Recalled, RecallFinding, RecallPhaseRule, WritePhaseRule
from mnemic.protocols.sessions import SessionInfo, SessionReader, SessionWriter, StoredMessage
from mnemic.protocols.vector_index import VectorIndex

__all__ = [
    "DELIVERY_WINDOW",
    "FORGOTTEN",
    "MOST_DELIVERED",
    "WHOLE_INDEX",
    "ChatModel",
    "Clock",
    "ColdReader",
    "ColdWriter",
    "Deliveries",
    "Embedder",
    "FactReader",
    "FactWriter",
    "FeedRow",
    "GuardReader",
    "GuardWriter",
    "HealthCheck",
    "HeldFact",
    "IndexState",
    "ItemReader",
    "ItemWriter",
    "LangChainEmbeddings",
    "LearningReader",
    "LearningWriter",
    "Ledger",
    "LedgerSnapshot",
    "LedgerTransaction",
    "LexicalHit",
    "Neighbour",
    "Observer",
    "PassageReader",
    "PassageWriter",
    "RecallFinding",
    "RecallPhaseRule",
    "Recalled",
    "Reranker",
    "RetrievalReader",
    "SearchedText",
    "SessionInfo",
    "SessionReader",
    "SessionWriter",
    "StoredMessage",
    "TokenCounter",
    "TurnRow",
    "VectorIndex",
    "Vectors",
    "WordStatistics",
    "WritePhaseRule",
]
