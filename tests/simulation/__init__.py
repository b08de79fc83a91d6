"""Whole order lives in one process, without a broker: the deciders of all services, wired together."""
