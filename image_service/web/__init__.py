"""HTTP: pictures to browsers, errors as problem documents, probes for supervisors."""
