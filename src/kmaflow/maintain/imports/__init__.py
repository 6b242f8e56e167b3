"""Rows of an older table, or of somebody else's file, into the database: only where nothing is, and marked as imported."""
