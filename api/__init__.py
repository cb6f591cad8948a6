"""Door 1, REST: one file per resource; parse, call one action or query, shape the answer."""
