"""The embedded default: one machine, nothing to install but packages; everything in one terminal."""
