"""HTML galleries and reports."""
