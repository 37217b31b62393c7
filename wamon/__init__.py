"""wamon watches the health of WhatsApp Business accounts."""

__version__ = "0.1.0"
