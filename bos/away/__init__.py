"""What has happened since a person looked last."""
