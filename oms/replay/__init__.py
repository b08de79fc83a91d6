"""The same log through the code of two versions, compared table by table: `oms replay`."""
