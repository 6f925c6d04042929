"""What the indices of both backends share: checks, recall, effort, keys, files."""
