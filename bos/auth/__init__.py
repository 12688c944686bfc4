"""Signing in: tokens and their keys, sign-ins, devices, guesses at passwords."""
