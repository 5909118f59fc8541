"""A loopback Cloud SQL: the Admin API that the connector asks, and the encrypted port that it then connects to.

The port leads to a real PostgreSQL, for whoever shows a certificate that the Admin API signed.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

PORT = 3307  # of every Cloud SQL instance; so that tests do not meet, each has an address of its own


class Authority:
    """Signs certificates."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        self.certificate = self.sign(self.key.public_key(), "authority", may_sign=True)

    def sign(self, key: CertificatePublicKeyTypes, name: str, *, may_sign: bool = False) -> str:
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=may_sign, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()


def private(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@dataclass
class CloudSql:
    """A Cloud SQL with one instance. `connections` counts those through its encrypted port."""

    folder: Path
    socket: Path
    address: str
    authority: Authority = field(default_factory=Authority)
    asked: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def credentials(self) -> Path:
        """A service account's key file, whose tokens this server gives."""
        account = {
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "1",
            "private_key": private(self.authority.key),
            "client_email": "baton@project.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }
        place = self.folder / "account.json"
        place.write_text(json.dumps(account))
        return place

    def context(self) -> ssl.SSLContext:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        (self.folder / "ca.pem").write_text(self.authority.certificate)
        (self.folder / "server.pem").write_text(private(key) + self.authority.sign(key.public_key(), "instance"))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.folder / "ca.pem")
        context.load_cert_chain(self.folder / "server.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def answer(self, path: str, body: bytes) -> object:
        self.asked.append(path)
        if path == "/token":
            return {"access_token": "token", "expires_in": 3600, "token_type": "Bearer"}
        if path.endswith("/projects/project/instances/instance/connectSettings"):
            return {
                "kind": "sql#connectSettings",
                "serverCaCert": {"cert": self.authority.certificate},
                "ipAddresses": [{"type": "PRIMARY", "ipAddress": self.address}],
                "region": "region",
                "databaseVersion": "POSTGRES_18",
                "backendType": "SECOND_GEN",
            }
        if path.endswith(":generateEphemeralCert"):
            key = serialization.load_pem_public_key(json.loads(body)["public_key"].encode())
            assert isinstance(key, rsa.RSAPublicKey)
            return {"ephemeralCert": {"cert": self.authority.sign(key, "client")}}
        return None

    async def api(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lengths = [
                    line.split(":")[1] for line in head.splitlines() if line.lower().startswith("content-length")
                ]
                body = await reader.readexactly(int(lengths[0]) if lengths else 0)
                found = self.answer(head.split()[1], body)
                status = "200 OK" if found else "403 Forbidden"
                told = json.dumps(found or {"error": {"message": "The client is not authorized."}}).encode()
                kind = "Content-Type: application/json"
                writer.write(f"HTTP/1.1 {status}\r\n{kind}\r\nContent-Length: {len(told)}\r\n\r\n".encode() + told)
                await writer.drain()
        writer.close()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        inner, outer = await asyncio.open_unix_connection(self.socket)
        await asyncio.gather(_pump(reader, outer), _pump(inner, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def cloud_sql(folder: Path, socket: Path, address: str) -> AsyncIterator[CloudSql]:
    """Serve, in this loop, until left."""
    instance = CloudSql(folder, socket, address)
    api = await asyncio.start_server(instance.api, "127.0.0.1", 0)
    port = await asyncio.start_server(instance.relay, address, PORT, ssl=instance.context())
    instance.port = api.sockets[0].getsockname()[1]
    async with api, port:
        yield instance
