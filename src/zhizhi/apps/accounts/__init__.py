"""People, posts and scope."""
