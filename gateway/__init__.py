"""Backstop's core: words, rules and storage, and the Django project around them."""
