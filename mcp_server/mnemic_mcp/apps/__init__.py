"""Views that a host shows beside the conversation (MCP Apps): why recall answered so, and what waits for review."""
