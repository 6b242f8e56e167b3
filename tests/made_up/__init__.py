"""Two datasets that KMA does not publish, one file each, and a hub that answers for them: what a new dataset needs, and no more."""
