"""The simulation: a spam run against this gateway and against a server that accepts first and bounces later."""
