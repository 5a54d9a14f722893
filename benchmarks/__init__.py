"""The benchmarks: what the service is measured against, each one a command (see README.md)."""
