"""What tasks have shown, and what is concluded from it."""
