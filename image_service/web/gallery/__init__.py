"""The gallery: one page for browsers, and its assets, as built from gallery/ by `make gallery`."""
