"""How steps are declared, wired and keyed."""
