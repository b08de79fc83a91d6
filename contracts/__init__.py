"""What the services and outsiders share, and nothing else: messages, envelope, ids, money, topics."""
