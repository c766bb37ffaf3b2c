"""Training: the only place beside export that imports torch."""
