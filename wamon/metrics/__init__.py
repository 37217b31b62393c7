"""What Prometheus reads: the account's families, the daemon's own, and the page that documents both."""
