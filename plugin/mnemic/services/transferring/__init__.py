"""A whole memory out, in, and to another ledger."""
