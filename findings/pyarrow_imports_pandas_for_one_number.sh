#!/usr/bin/env bash
# Surprise: where pandas is installed, pyarrow imports it for the first array or scalar made of plain Python numbers, even
#   with the type given, only to ask whether they are a Series. A program that writes a Parquet table without pandas
#   still carries it: some 50 MB. A NumPy array does the same; buffers (`from_buffers`) don't.
# Guess before running: pandas comes in with to_pandas and from_pandas only, or when it has been imported already.
# Versions: pyarrow 26.0.1, pandas 3.1.1, numpy 2.4.6. Source: seen here.
# Seen: "import: without pandas", "buffers written as Parquet: without pandas", "a scalar: with pandas",
#   "an array of a list: with pandas", "an array of a NumPy array: with pandas"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
cat > said.py <<'PY'
import io
import sys

import numpy as np
import pyarrow as pa
from pyarrow import parquet


def write_buffers():
    values = np.array([0.25, 0.75], np.float32)
    column = pa.FloatArray.from_buffers(pa.float32(), 2, [None, pa.py_buffer(values)])
    batch = pa.record_batch([column], names=["share"])
    with parquet.ParquetWriter(io.BytesIO(), batch.schema) as writer:
        writer.write_batch(batch)


acts = {
    "import": lambda: None,
    "buffers written as Parquet": write_buffers,
    "a scalar": lambda: pa.scalar(0.25, pa.float32()),
    "an array of a list": lambda: pa.array([0.25, 0.75], pa.float32()),
    "an array of a NumPy array": lambda: pa.array(np.zeros(2, np.float32)),
}
acts[sys.argv[1]]()
print(f"{sys.argv[1]}: {'with' if 'pandas' in sys.modules else 'without'} pandas")
PY
env/bin/python -c "import pyarrow, pandas; print('pyarrow', pyarrow.__version__)"
for act in "import" "buffers written as Parquet" "a scalar" "an array of a list" "an array of a NumPy array"; do
  env/bin/python said.py "$act"
done | tee seen
diff seen - <<'SEEN'
import: without pandas
buffers written as Parquet: without pandas
a scalar: with pandas
an array of a list: with pandas
an array of a NumPy array: with pandas
SEEN
