"""What must hold of the repository as a whole."""
