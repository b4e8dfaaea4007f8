"""Python reads this by itself at its start when this folder is on PYTHONPATH, in child processes too.

The built-in data set has 1,000 faces then: drawing all 4,000 of them takes a processor half a minute.
"""

from fer_core.data.builtin import write_schematic_faces

write_schematic_faces.__kwdefaults__["num_images"] = 1000
