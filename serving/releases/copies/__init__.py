"""Where the files of releases lie."""
