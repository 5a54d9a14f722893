"""What the service is about, without I/O, clock, environment or framework."""
