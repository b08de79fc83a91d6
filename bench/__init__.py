"""What Orderlog does in a second on this machine: `make bench` measures, and writes docs/performance.md.

Nothing here is imported by a service, and nothing asserts on time: a figure is printed beside the machine, its load and
the limit of the same run.
"""
