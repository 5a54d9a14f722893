"""What an operator sees of a running service: numbers, log lines, traces, profiles."""
