"""What two implementations of one port must do alike: the real one and the one in memory."""
