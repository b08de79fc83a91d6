"""The order service: takes orders, reserves what they need, and has them fulfilled and paid."""
