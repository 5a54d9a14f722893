"""Looking at pictures: the only place that imports PIL, and only in worker processes."""
