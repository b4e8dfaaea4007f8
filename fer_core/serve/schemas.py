"""What the service answers, for its OpenAPI description."""

from pydantic import BaseModel, Field

NOTES = "What should be known of the picture, in sentences; for example that only its first page was read."
PROBABILITIES = "Probability in [0, 1] by class, most probable first: apparent expressions, not feelings."


class Box(BaseModel):
    """Where a face is, in pixels of its picture."""

    x: float
    y: float
    width: float
    height: float
    score: float = Field(description="The detector's confidence in [0, 1].")
    roll: float
    yaw: float | None
    pitch: float | None


class Quality(BaseModel):
    """How well a face can be read."""

    height_px: float
    sharpness: float
    brightness: float
    flaws: list[str]


class Face(BaseModel):
    """One face."""

    box: Box
    quality: Quality | None
    label: str
    confidence: float
    expected_correctness: float | None = Field(description="How often the label of such a face is right.")
    probabilities: dict[str, float] = Field(description=PROBABILITIES)


class Picture(BaseModel):
    """One picture."""

    width_px: int
    height_px: int
    faces: list[Face]
    notes: list[str] = Field(description=NOTES)


class ReadAnswer(Picture):
    """Answer of `/v1/read`."""

    model: str
    detector: str


class BatchItem(BaseModel):
    """One picture of a batch: what was found, or why it could not be read."""

    name: str
    width_px: int | None = None
    height_px: int | None = None
    faces: list[Face] | None = None
    notes: list[str] | None = Field(None, description=NOTES)
    error: str | None = None


class BatchAnswer(BaseModel):
    """Answer of `/v1/read-batch`, in the order of the request."""

    model: str
    detector: str
    pictures: list[BatchItem]


class ModelAnswer(BaseModel):
    """Answer of `/v1/model`."""

    name: str
    classes: list[str]
    runtime: str
    detectors: list[str]
    version: str


class Problem(BaseModel):
    """What is wrong, and what was expected."""

    detail: str


class State(BaseModel):
    """Answer of `/health` and `/ready`."""

    status: str
