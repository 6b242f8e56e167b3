"""Tests of frames and files for users."""
