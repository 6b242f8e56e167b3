"""Keeping what is there: load saved answers, rebuild from the archive, retention, prune, doctor, and the history of one cell."""
