"""What the engine stands on: the SQLite ledger, vector indexes, embedders, token counters."""
