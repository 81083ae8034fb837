"""One file a command, each a few lines over what does the work."""
