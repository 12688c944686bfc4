"""Work in the background: its queue, its schedules, its processes."""
