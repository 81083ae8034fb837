"""What becomes of a message once it is decided. ``carry_out`` has the order of it; each other file does one part."""
