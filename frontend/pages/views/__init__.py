"""The views, one file per noun: each parses, calls one action or query, and renders or redirects."""
