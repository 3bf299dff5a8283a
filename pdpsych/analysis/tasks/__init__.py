"""How answers of each task depend on d′."""
