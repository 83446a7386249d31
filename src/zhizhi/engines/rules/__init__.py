"""Read a policy, check it, and turn a dated policy and facts into a decision with its reasons."""
