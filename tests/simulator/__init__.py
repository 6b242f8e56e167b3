"""Tests of the simulated hub."""
