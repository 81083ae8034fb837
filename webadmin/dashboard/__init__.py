"""What came in, and what needs a person."""
