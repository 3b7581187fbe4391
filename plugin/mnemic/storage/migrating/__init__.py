"""Moving a ledger from a folder's file to a database, table by table, while others write it."""
