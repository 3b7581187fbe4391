"""What may be concluded from many memories: deterministic proposals, without a model. Nothing here changes a memory."""
