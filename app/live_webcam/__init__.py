"""The Live webcam page."""
