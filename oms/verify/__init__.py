"""The outside checker: reads topics, tables and a provider's books, and says which promise of docs/promises.md is broken.

Nothing of ours is imported here: no service, no chassis, no module of `contracts` (of those only the JSON Schemas, as
files), so that a mistake made there is not made here again. The command that people type is oms/verifying.py.
"""
