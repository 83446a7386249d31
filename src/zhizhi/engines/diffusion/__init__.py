"""Outbreaks, adoption curves, networks, follow modes, blockages: from adoption facts to answers with intervals."""
