"""Experience: what trajectories teach, distilled without a model, and whether a text keeps to its evidence."""
