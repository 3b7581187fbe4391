"""Sessions: what was said, what is shown of it, and one text for a goal."""
