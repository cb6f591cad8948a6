"""Door 3: bot platforms in both directions, and other programs."""
