"""The domain: standard library only, no input or output."""
