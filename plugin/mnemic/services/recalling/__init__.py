"""What answers a question: candidates by every channel, their ranking, and what is shown of them."""
