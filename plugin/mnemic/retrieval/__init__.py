"""From candidates to an answer: fusion of the channels' scores and packing into a token budget."""
