"""Golden logs: what each release wrote, kept for ever, and the states that its events come to."""
