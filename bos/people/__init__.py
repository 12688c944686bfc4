"""People come in, look after their own account, and get what is stored about them (decision D6)."""
