"""The journal: every money event as a balanced entry of double-entry bookkeeping."""
