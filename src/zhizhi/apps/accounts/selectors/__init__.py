"""Reads of people, posts and regions."""
