"""What the ingest benchmark measures wamon against."""
