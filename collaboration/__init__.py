"""Who works together on what is measured: sessions, annotations, cursors."""
