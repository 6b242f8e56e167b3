"""Tests of kmaflow; the folders mirror src/kmaflow."""
