"""Working memory: messages that stay as they were, and edits of what a model gets to see of them."""
