"""What may be concluded from many memories: pure proposals, deterministic, without a model. Nothing here changes a memory."""
