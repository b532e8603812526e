"""What servers are told, and how."""
