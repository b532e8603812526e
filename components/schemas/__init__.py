"""What the examples must look like: read, proposed, compared, shown."""
