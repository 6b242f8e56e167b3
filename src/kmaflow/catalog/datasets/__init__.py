"""One file for each dataset: its operation, columns, units, missing values, times and sources, as data."""
