"""The project as a whole: its documents, settings, processes and demo."""
