"""State that processes must agree on and may forget: a user's places and messages, and work.

Lives in Redis, by Lua with Redis' clock, or in memory with one process. Everything expires by
itself: after `kill -9` no handler runs that could clean up. While Redis is away each process keeps
the limits by itself, and nobody is cut off because of it (decision A4).
"""
