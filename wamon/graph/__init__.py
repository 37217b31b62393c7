"""The Graph API client: how a probe's questions reach Meta, and what comes back. Only this package knows httpx."""
