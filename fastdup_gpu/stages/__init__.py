"""The stages of a run: plain functions over files and arrays, safe to repeat."""
