"""What could not be taken, of all services in one place: looked through, shown, tried again, edited, given up."""
