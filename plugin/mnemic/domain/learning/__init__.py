"""What experience says of memories: one ledger of utility, and the rules that read it."""
