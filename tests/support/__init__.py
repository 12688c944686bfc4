"""What tests share: the cast, servers, clients, doors, networks that break."""
