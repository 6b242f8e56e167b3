"""Filling history: chunks of work, the processes that do them, and the progress of the whole."""
