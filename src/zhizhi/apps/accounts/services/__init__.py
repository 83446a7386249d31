"""Changes to people, posts and regions."""
