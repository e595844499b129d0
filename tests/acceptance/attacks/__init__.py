"""What one user, or a stranger, could do to the others: each tried on the running web process."""
