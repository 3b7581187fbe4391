"""mnemic beside other memories, each in an environment of its own: ``make side-by-side``; docs/side-by-side.md."""
