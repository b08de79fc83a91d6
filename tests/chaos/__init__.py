"""`make chaos`: faults, listed one by one, against a whole installation that works all the time (docs/chaos.md)."""
