"""Every write of the verse bot's tables."""
