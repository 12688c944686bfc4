"""Documents that are generated from the registry of messages: AsyncAPI and the page for people."""
