"""What travels between nodes: contracts and wire formats."""
