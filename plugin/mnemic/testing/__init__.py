"""For the tests of whoever builds on mnemic: fakes with a name, contract suites for the ports, and the rules of providers.

A contract is a class of tests. Subclass it in your test suite, say how to make your implementation, and pytest runs it:

    class TestMyLedger(LedgerContract):
        def make_ledger(self, folder): return MyLedger(folder)
"""

from mnemic.testing.cold_contract import ColdContract
from mnemic.testing.embedder_contract import EmbedderContract
from mnemic.testing.fact_contract import FactContract
from mnemic.testing.fakes import FailingEmbedder, ScriptedModel, SetClock, WordEmbedder, WordReranker, make_record
from mnemic.testing.guard_contract import GuardContract
from mnemic.testing.item_contract import ItemContract
from mnemic.testing.learning_contract import LearningContract
from mnemic.testing.ledger_contract import LedgerContract
from mnemic.testing.obedient import Deeds, ObedientAgent, Order, read_orders
from mnemic.testing.plans import PlanQuery, PlanRecord, delete_procedures, plan_queries
from mnemic.testing.providers import check_anthropic, check_openai
from mnemic.testing.reranker_contract import RerankerContract
from mnemic.testing.retrieval_contract import RetrievalContract
from mnemic.testing.vector_index_contract import VectorIndexContract

__all__ = [
    "ColdContract",
    "Deeds",
    "EmbedderContract",
    "FactContract",
    "FailingEmbedder",
    "GuardContract",
    "ItemContract",
    "LearningContract",
    "LedgerContract",
    "ObedientAgent",
    "Order",
    "PlanQuery",
    "PlanRecord",
    "RerankerContract",
    "RetrievalContract",
    "ScriptedModel",
    "SetClock",
    "VectorIndexContract",
    "WordEmbedder",
    "WordReranker",
    "check_anthropic",
    "check_openai",
    "delete_procedures",
    "make_record",
    "plan_queries",
    "read_orders",
]
