"""How a schematic face is drawn: facial actions, a person, a canvas in face units, the parts."""
