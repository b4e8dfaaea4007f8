"""What can be asked of an export."""

from dataclasses import dataclass

from fer_core.errors import ConfigError
from fer_core.export.formats import EXPORTS


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How a checkpoint becomes a file that runs elsewhere.

    Raises:
        ConfigError: an unknown format, or a number out of range.
    """

    format: str = "fp32"
    """Key of `EXPORTS`."""
    embedding: bool = False
    """Also give the embedding, an output N x E."""
    uint8_input: bool = False
    """Put the preprocessing inside: the input is raw pixels, uint8, N x H x W x C."""
    external_data: bool = False
    """Write the weights to a second file beside the first, as is always done beyond 1.5 GiB."""
    num_faces: int = 1000
    """Faces on which the file is compared with torch; 0 takes the whole split."""
    num_calibration_faces: int = 512
    """Training faces from which int8 learns the range of every activation."""

    def __post_init__(self) -> None:
        _ = EXPORTS[self.format]
        if self.num_faces < 0:
            raise ConfigError(f"num_faces is {self.num_faces}; expected 0 (all) or more")
        if self.num_calibration_faces < 1:
            raise ConfigError(f"num_calibration_faces is {self.num_calibration_faces}; expected at least 1")

    @property
    def file_name(self) -> str:
        """Name of the file, such as `model-int8-uint8.onnx`."""
        extras = ["embedding"] * self.embedding + ["uint8"] * self.uint8_input
        return "-".join(["model", self.format, *extras]) + EXPORTS[self.format].suffix
