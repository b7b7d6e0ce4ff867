"""Requests in the forms that users have."""
