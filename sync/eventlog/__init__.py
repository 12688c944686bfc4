"""The write side: what changed and that it changed, committed together in one ordered log. It knows
Django, and no socket.
"""
