"""The console: a folder a feature."""
