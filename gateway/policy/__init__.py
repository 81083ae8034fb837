"""Pure rules: what an administrator wants, and the one function that decides by it.

``feed`` is the one impure edge: it watches the published file.
"""
