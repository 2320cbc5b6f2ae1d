"""Image sets, pairs and the embedded renderers. Nothing here imports torch."""
