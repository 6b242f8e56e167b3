"""Which calls to make: windows into calls, gaps into the cheapest calls, and what they will cost."""
