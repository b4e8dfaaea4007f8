"""The landing page, and the login in front of every page."""
