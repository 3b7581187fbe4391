"""Telling hosts of the server: where each keeps its configuration, and how an entry gets in and out of it."""
