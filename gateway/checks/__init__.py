"""The checks: one file each. ``catalog`` is the ordered list of all of them."""
