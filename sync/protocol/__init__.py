"""The language: envelopes, messages, topics, errors, times and limits. Pure: it knows no database
and no socket.
"""
