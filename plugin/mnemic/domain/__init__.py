"""Pure values and rules: no files, no clocks, no frameworks."""
