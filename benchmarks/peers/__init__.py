"""The same work done by others, to be measured in the same run."""
