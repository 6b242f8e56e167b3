"""Asking the hub and understanding its answers: client, errors, parser."""
