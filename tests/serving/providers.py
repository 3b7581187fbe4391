"""A small OpenID Connect provider: real keys, a real HTTP server on this machine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

AUDIENCE = "https://memory.example.org/mcp"


class OidcProvider:
    """Signs tokens and publishes the keys to check them with. ``asked`` counts how often the keys were fetched."""

    def __init__(self) -> None:
        self.asked = 0
        self.keys: dict[str, rsa.RSAPrivateKey] = {}
        self.document: dict[str, Any] = {}
        self.issuer = ""
        self.add_key("first")

    def add_key(self, kid: str) -> None:
        self.keys[kid] = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)

    def token(self, *, kid: str = "first", algorithm: str = "RS256", key: Any = None, **claims: Any) -> str:
        """A token that is valid but for what ``claims`` say; a claim that is None is left out."""
        whole = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "ana",
            "exp": time.time() + 300,
            "scope": "mnemic:read",
            **claims,
        }
        held = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(held, key or self.keys[kid], algorithm=algorithm, headers={"kid": kid})

    def public_pem(self, kid: str = "first") -> bytes:
        return (
            self.keys[kid]
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def jwks(self) -> dict[str, Any]:
        return {
            "keys": [
                {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}
                for kid, key in self.keys.items()
            ]
        }


@contextmanager
def provider() -> Iterator[OidcProvider]:
    """A provider that can be asked as long as the block lasts."""
    held = OidcProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/keys":
                held.asked += 1
                answer: Any = held.jwks()
            else:
                answer = {"issuer": held.issuer, "jwks_uri": f"{held.issuer}/keys", **held.document}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
