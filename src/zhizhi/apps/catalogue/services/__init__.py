"""Changes: uploads, answers, and the taking in of what the lake has become."""
