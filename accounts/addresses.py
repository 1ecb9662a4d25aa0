"""Facts about email addresses."""

ADDRESS_MAX_CHARACTERS = 254
"""Longest address that fits a path of RFC 5321 section 4.5.3.1.3, without its angle brackets."""
