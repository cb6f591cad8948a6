"""The verse bot's commands."""
