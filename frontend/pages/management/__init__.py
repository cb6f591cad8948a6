"""The commands that the pages bring."""
