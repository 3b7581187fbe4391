"""The inspector: local web pages on which people look into a memory. Server-rendered, protected, and without rules."""
