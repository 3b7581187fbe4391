"""The entry point of the bundle: starts the server over stdio."""

from mnemic_mcp.main import main

main()
