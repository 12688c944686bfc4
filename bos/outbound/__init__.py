"""Send what leaves for addresses that people have typed in."""
