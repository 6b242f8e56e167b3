"""The history of the tables of ``STATE_URL``."""
