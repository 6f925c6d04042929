"""Reports that a browser shows."""
