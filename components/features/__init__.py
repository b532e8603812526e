"""What a record holds, and how its images are decoded."""
