"""The command `bos`."""
