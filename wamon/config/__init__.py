"""Configuration: `load.load_settings` reads it, `settings.Settings` is what the rest of wamon sees of it."""
