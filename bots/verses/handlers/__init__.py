"""What the verse bot does, one file per matter."""
