"""Which calls to make: windows into calls, gaps into cheap calls, and what they will cost."""
