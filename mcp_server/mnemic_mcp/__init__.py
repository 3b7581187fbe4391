"""The MCP server and the ``mnemic`` command: thin adapters over the engine that hold no rules of their own."""
