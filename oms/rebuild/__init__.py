"""Tables made again from the topics beside a running system: `oms rebuild`."""
