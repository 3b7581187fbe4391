"""The ledger on PostgreSQL: the truth that processes on any number of machines share."""
