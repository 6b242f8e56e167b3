"""Tests of planning and running."""
