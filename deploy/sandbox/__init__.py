"""A small payment provider, for trying out and for tests: it takes no real money and talks to no bank.

A program of its own that shares no code with those who use it, so that its ledger is an independent witness. It keeps
what it did in one SQLite file (ledger.py), does what a card processor does (bank.py), misbehaves by the token that it is
given (script.py), speaks HTTP (api.py) and tells of what happened by signed notices (notices.py).
"""
