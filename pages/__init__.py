"""Thin pages of the dashboard: inputs, one call into `fer_core`, rendering."""
