"""Door 3, bot platforms in both directions. Nothing lives here yet."""
