"""For the tests of whoever builds on mnemic: fakes with a name, and contract suites for the ports.

A contract is a class of tests. Subclass it in your test suite, say how to make your implementation, and pytest runs it:

    class TestMyLedger(LedgerContract):
        def make_ledger(self, folder): return MyLedger(folder)
"""

from mnemic.testing.contracts import EmbedderContract, LedgerContract, VectorIndexContract
from mnemic.testing.fakes import FailingEmbedder, SetClock, WordEmbedder, make_record

__all__ = [
    "EmbedderContract",
    "FailingEmbedder",
    "LedgerContract",
    "SetClock",
    "VectorIndexContract",
    "WordEmbedder",
    "make_record",
]
