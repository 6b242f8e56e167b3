"""Tests of the observation database."""
