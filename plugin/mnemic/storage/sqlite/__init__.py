"""The ledger on SQLite: the truth that any number of processes on one machine share."""
