"""What has been answered, for whom, and what is missing: states of cells, gaps, next tries."""
