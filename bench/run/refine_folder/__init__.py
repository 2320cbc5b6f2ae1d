"""``bench refine``: a refined copy of a folder, in its own format."""
