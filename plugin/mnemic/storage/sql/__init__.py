"""The ledger in SQL that SQLite and PostgreSQL both understand; what each says differently is its `Dialect`."""
