"""Zhizhi: the open platform for a region that governs with data."""
