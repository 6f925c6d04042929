"""Conclusions from the files of a run: labels, components, exports."""
