"""What /openapi.json promises is kept, whatever is sent: schemathesis draws requests from it."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from fer_core.inference.predictor import load_predictor
from fer_core.serve.engine import ServeEngine
from fer_core.serve.service import build_app
from fer_core.serve.settings import ServeSettings
from fer_core.workspace import Workspace


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("empty"))
    service_settings = ServeSettings(allowed_hosts=("testserver",))
    return build_app(ServeEngine(load_predictor("fer-tiny", workspace), "haar", workspace), service_settings)


PATHS = ("/health", "/ready", "/metrics", "/v1/model", "/v1/read", "/v1/read-batch")


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_is_as_described(app, path):
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    assert sorted(schema) == sorted(PATHS)
    (operation,) = schema[path].values()

    @settings(max_examples=12, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy())
    def check(case):
        # No schema says of bytes that they are a picture, so most of what it allows is refused in words.
        case.call_and_validate(
            excluded_checks=[positive_data_acceptance] if path.startswith("/v1/read") else []
        )

    check()
