"""What would have happened under other policies: `oms what-if`."""
