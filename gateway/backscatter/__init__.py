"""The heart: is this automatic mail, and does it answer mail that we sent? Pure; stores sit behind interfaces."""
