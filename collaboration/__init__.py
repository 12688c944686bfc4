"""People working together on what is measured: sessions, annotations, cursors."""
