"""What can be concluded from the files of a run: labels, components, exports."""
