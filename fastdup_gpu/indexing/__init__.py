"""What the indices of both backends do alike: checks, recall, effort, keys, files."""
