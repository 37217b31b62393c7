"""The private listener: metrics, health and the landing page."""
