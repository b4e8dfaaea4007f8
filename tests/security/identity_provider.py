"""An OpenID Connect provider that lets a made-up person in unasked: only what Streamlit's login needs."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey


class Provider(ThreadingHTTPServer):
    """Serves on a free port of this machine."""

    def __init__(self, client_id: str) -> None:
        super().__init__(("localhost", 0), _Handler)
        self.client_id = client_id
        self.claims: Mapping[str, Any] = {}
        """What the next identity token says of the user."""
        self.key = RSAKey.generate_key(2048, parameters={"kid": "test", "use": "sig"}, private=True)
        self.nonce = ""

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(place.query).items()}
        url = self.server.url
        if place.path == "/.well-known/openid-configuration":
            self._answer(
                {
                    "issuer": url,
                    "authorization_endpoint": f"{url}/authorize",
                    "token_endpoint": f"{url}/token",
                    "jwks_uri": f"{url}/keys",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )
        elif place.path == "/keys":
            self._answer({"keys": [self.server.key.as_dict(private=False)]})
        elif place.path == "/authorize":
            self.server.nonce = query.get("nonce", "")
            self.send_response(302)
            back = urlencode({"code": "one-time", "state": query["state"]})
            self.send_header("Location", f"{query['redirect_uri']}?{back}")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        now = int(time())
        claims = {"iss": self.server.url, "aud": self.server.client_id, "iat": now, "exp": now + 600}
        claims |= {"nonce": self.server.nonce, **self.server.claims}
        token = jwt.encode({"alg": "RS256", "kid": "test"}, claims, self.server.key)
        self._answer({"access_token": "x", "token_type": "Bearer", "expires_in": 600, "id_token": token})

    def _answer(self, value: Mapping[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def serve_provider(client_id: str) -> Iterator[Provider]:
    """A provider that runs for the block."""
    provider = Provider(client_id)
    thread = threading.Thread(target=provider.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.shutdown()
        provider.server_close()
        thread.join()
