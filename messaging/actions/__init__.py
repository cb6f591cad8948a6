"""Every write: plain functions, a verb and its object, that return what they made. Doors call them and add nothing."""
