"""What all implementations of one port must do alike: real ones, and those in memory or made up for it."""
