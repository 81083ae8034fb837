"""What is done to mail that leaves: who may send as whom."""
