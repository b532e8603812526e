"""What the report shows of an artifact: a file for each class, found by the class."""
