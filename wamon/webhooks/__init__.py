"""What Meta tells us: signatures, the envelope, and one reader for each webhook field."""
