"""The history of the service tables."""
