"""What a run came to, shown to a person."""
