"""How the console writes times and numbers."""
