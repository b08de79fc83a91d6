"""Who looks after what waits for a person and belongs to no order."""
