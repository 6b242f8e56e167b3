"""How the data stand: freshness, completeness, use of the quota, metrics."""
