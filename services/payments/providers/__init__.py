"""Adapters to payment providers, one a module, behind the port services/payments/provider.py."""
