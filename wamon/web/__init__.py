"""The private listener: metrics, health and the status pages."""
