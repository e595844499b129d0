"""batchgen on many hosts, which are network namespaces of this machine: `make hosts`."""
