"""Long commands that an operator begins at a door: each a process of its own that the doors' process watches."""
