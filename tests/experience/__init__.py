"""Distilling experience: trajectories, extraction, faithfulness, forms, deduplication."""
