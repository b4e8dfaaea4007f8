"""The Tune page: searches for settings."""
