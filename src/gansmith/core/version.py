"""The version of gansmith."""

__version__ = "0.1.0"
