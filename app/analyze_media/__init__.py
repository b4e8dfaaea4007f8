"""The Analyze media page: pictures and videos."""
