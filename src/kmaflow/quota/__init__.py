"""The day's budget of calls and bytes, shared by all workers of a key."""
