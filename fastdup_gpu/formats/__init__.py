"""Readers and writers of every file of a work_dir."""
