"""Architectures, their registry, and loading and saving of weights."""
