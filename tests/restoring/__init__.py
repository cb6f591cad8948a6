"""Rehearsals of what docs/operate.md says about keeping, moving and handing out what people have written."""
