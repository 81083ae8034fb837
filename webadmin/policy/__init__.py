"""The rows that make a policy, and publishing them."""
