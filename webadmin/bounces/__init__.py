"""False bounces: the storms that they make, and the hosts that bring them."""
