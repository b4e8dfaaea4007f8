"""Full precision: exactly what the network computes."""

from fer_core.export.formats.base import EXPORTS, ExportFormat, ExportSource, Tolerance


def _write(source: ExportSource) -> str:
    import onnx

    return source.save_graph(onnx.load(str(source.export_graph())))


EXPORTS.register("fp32")(
    ExportFormat(
        summary="exactly what torch computes",
        write=_write,
        # The largest difference that rounding explains.
        tolerance=Tolerance(max_difference=1e-4, min_agreement=1.0),
    )
)
