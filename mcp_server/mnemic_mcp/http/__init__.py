"""Serving many over HTTP: who comes in, how much, and what can be seen of it."""
