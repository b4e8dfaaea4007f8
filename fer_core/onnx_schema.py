"""The parts of ONNX's format that are read here, for the protobuf of onnxruntime: the package onnx has 31 MB.

Numbers and types are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3. Fields that are not
named here are kept as they are when a message is written again.
"""

from functools import lru_cache
from typing import Any, Final

TYPES: Final[tuple[str, ...]] = (
    *("UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL"),
    *("FLOAT16", "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16"),
)
"""Names of `TensorProto.DataType`, by number."""
FLOAT, UINT8, FLOAT16 = map(TYPES.index, ("FLOAT", "UINT8", "FLOAT16"))

# Message -> "name type number" of its fields; `*` marks repeated ones, `|` those of which one is given.
_FIELDS: Final[dict[str, str]] = {
    "ModelProto": "graph GraphProto 7, metadata_props *StringStringEntryProto 14, "
    "functions *FunctionProto 25",
    "StringStringEntryProto": "key string 1, value string 2",
    "FunctionProto": "node *NodeProto 7",
    "GraphProto": "node *NodeProto 1, initializer *TensorProto 5, input *ValueInfoProto 11, "
    "output *ValueInfoProto 12, value_info *ValueInfoProto 13, sparse_initializer *SparseTensorProto 15",
    "NodeProto": "input *string 1, output *string 2, op_type string 4, attribute *AttributeProto 5",
    "AttributeProto": "t TensorProto 5, g GraphProto 6, tensors *TensorProto 10, graphs *GraphProto 11, "
    "sparse_tensor SparseTensorProto 22, sparse_tensors *SparseTensorProto 23",
    "SparseTensorProto": "values TensorProto 1, indices TensorProto 2",
    "TensorProto": "data_type int32 2, name string 8, external_data *StringStringEntryProto 13, "
    "data_location int32 14",
    "ValueInfoProto": "name string 1, type TypeProto 2",
    "TypeProto": "tensor_type |TensorTypeProto 1",
    "TensorTypeProto": "elem_type int32 1, shape TensorShapeProto 2",
    "TensorShapeProto": "dim *DimensionProto 1",
    "DimensionProto": "dim_value |int64 1, dim_param |string 2",
}


def parse_model(content: bytes) -> Any:
    """The `ModelProto` of a file's content.

    Raises:
        ValueError: it is none.
    """
    from google.protobuf.message import DecodeError

    model = _build_model_class()()
    try:
        model.ParseFromString(content)
    except (DecodeError, RecursionError) as cause:
        raise ValueError(str(cause)) from cause
    return model


@lru_cache(maxsize=1)
def _build_model_class() -> Any:
    # A pool of its own: the package onnx, where it is installed, registers the same names in the common one.
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    scalars = {"string": kinds.TYPE_STRING, "int32": kinds.TYPE_INT32, "int64": kinds.TYPE_INT64}
    file = descriptor_pb2.FileDescriptorProto(name="onnx_parts.proto", package="onnx", syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for words in fields.split(", "):
            field, kind, number = words.split()
            added = message.field.add(name=field, number=int(number))
            added.label = kinds.LABEL_REPEATED if kind.startswith("*") else kinds.LABEL_OPTIONAL
            if kind.startswith("|"):
                if not message.oneof_decl:
                    message.oneof_decl.add(name="value")
                added.oneof_index = 0
            kind = kind.lstrip("*|")
            if kind in scalars:
                added.type = scalars[kind]
            else:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".onnx.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("onnx.ModelProto"))
