"""Tests of kmaflow.hub: held to captured bytes, to the simulator's bytes and to mutations of both."""
