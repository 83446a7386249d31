"""Words that every part shares. Standard library only."""
