"""Door 4, what people see."""
