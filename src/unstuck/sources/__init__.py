"""What a script's source says: read with `ast`, rewritten passage by passage."""
