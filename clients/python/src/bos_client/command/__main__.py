"""`python -m bos_client.command`."""

from bos_client.command.main import main

main()
