"""The demonstration: real baskets as a channel's orders, people on the floor, and a summary that checks the sums."""
