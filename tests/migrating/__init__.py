"""Moving a memory from its folder to a database."""
