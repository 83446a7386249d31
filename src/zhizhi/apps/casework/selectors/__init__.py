"""Reads of casework, with the actor's scope compiled in."""
