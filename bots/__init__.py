"""The bots' conversations. Nothing lives here yet."""
