"""What lies in a version folder and beside it, as the server, the ledger and the client find it."""
