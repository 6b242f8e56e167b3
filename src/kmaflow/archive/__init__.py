"""Bodies by their hash with a manifest, on any fsspec storage."""
