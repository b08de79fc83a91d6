"""Tests of the whole: contracts, integration, chaos, end to end. The specs of a domain stand beside it."""
