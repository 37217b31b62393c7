"""Parts of boards that are long or stand on several boards."""
