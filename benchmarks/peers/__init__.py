"""Servers of others that speak the same conversation, each as its documentation shows."""
