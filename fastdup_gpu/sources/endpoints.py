"""The server, bucket, key and credentials behind s3:// and minio:// URLs.

Credentials stay in memory: they are read from where the tools of AWS and MinIO store them, never
from a URL, and no message repeats text that may contain them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastdup_gpu._errors import InputError
from fastdup_gpu.formats.files import parse_json

SCHEMES = ("s3://", "minio://")
_BUCKET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}")
_ENDPOINT = re.compile(r"https?://[^/@?#\s]+/?")
_ENDPOINT_VARIABLES = ("FASTDUP_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_EXPECTED = {
    "s3://": "s3://bucket or s3://bucket/prefix",
    "minio://": "minio://alias/bucket or minio://alias/bucket/prefix",
}


@dataclass(frozen=True, slots=True)
class Place:
    """An object, or all objects whose keys begin with `key` ('': the whole bucket)."""

    scheme: str
    alias: str
    bucket: str
    key: str

    def url(self, key: str) -> str:
        """The URL of another key in the same bucket."""
        return f"{self.scheme}{'/'.join(filter(None, (self.alias, self.bucket)))}/{key}"


@dataclass(frozen=True, slots=True)
class Server:
    """A server and its credentials; '' leaves a value to the usual AWS settings."""

    endpoint: str = ""
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    anonymous: bool = False


def is_cloud(name: str) -> bool:
    """Whether a name is an s3:// or minio:// URL."""
    return name.startswith(SCHEMES)


def without_credentials(url: str) -> str:
    """A URL as messages may show it: only the scheme if it may contain a password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://..." if "@" in rest or ":" in rest.partition("/")[0] else url


def parse(url: str) -> Place:
    """Split an s3:// or minio:// URL; the key is taken literally. Raises InputError."""
    scheme = next(s for s in SCHEMES if url.startswith(s))
    rest = url.removeprefix(scheme)
    alias = ""
    if scheme == "minio://":
        alias, _, rest = rest.partition("/")
    bucket, _, key = rest.partition("/")
    if not _BUCKET.fullmatch(bucket) or (scheme == "minio://" and not _BUCKET.fullmatch(alias)):
        raise InputError(
            f"input_dir names {without_credentials(url)!r}; expected {_EXPECTED[scheme]}, with "
            "credentials in the environment or the settings of aws or mc, never in the URL"
        )
    return Place(scheme, alias, bucket, key)


def server_of(place: Place) -> Server:
    """The server behind a URL; raises InputError if a minio alias is not known."""
    if place.alias:
        known = _alias_in_environment(place.alias) or _alias_in_config(place.alias)
        if known is not None:
            return known
    endpoint = _endpoint_in_environment()
    if place.alias and not endpoint:
        raise InputError(
            f"the alias {place.alias!r} of a minio:// URL is not known; define it with `mc alias "
            f"set {place.alias} URL KEY SECRET`, in MC_HOST_{place.alias}, or give the server in "
            "AWS_ENDPOINT_URL"
        )
    return Server(endpoint)


def _endpoint_in_environment() -> str:
    for variable in _ENDPOINT_VARIABLES:
        if value := os.environ.get(variable, ""):
            return _checked(value, variable)
    return ""


def _checked(endpoint: str, source: str) -> str:
    if not _ENDPOINT.fullmatch(endpoint):
        raise InputError(
            f"{source} is not the address of a server; expected https://host:port without "
            "credentials"
        )
    return endpoint


def _alias_in_environment(alias: str) -> Server | None:
    """MC_HOST_<alias>=https://KEY:SECRET@host or https://KEY:SECRET:TOKEN@host."""
    variable = f"MC_HOST_{alias}"
    value = os.environ.get(variable, "")
    if not value:
        return None
    scheme, _, rest = value.partition("://")
    credentials, _, host = rest.rpartition("@")
    key, _, secret_and_token = credentials.partition(":")
    secret, _, token = secret_and_token.partition(":")
    endpoint = _checked(f"{scheme}://{host}", variable)
    return Server(endpoint, key, secret, token, anonymous=not key)


def _alias_in_config(alias: str) -> Server | None:
    folder = os.environ.get("MC_CONFIG_DIR") or Path.home() / ("mc" if os.name == "nt" else ".mc")
    path = Path(folder) / "config.json"
    entry = _aliases(path).get(alias)
    if not isinstance(entry, dict):
        return None
    text = {name: str(value) for name, value in entry.items()}
    endpoint = _checked(text.get("url", ""), f"the url of {alias!r} in {path}")
    key, secret, token = (text.get(n, "") for n in ("accessKey", "secretKey", "sessionToken"))
    return Server(endpoint, key, secret, token, anonymous=not key)


def _aliases(path: Path) -> dict[str, Any]:
    """The aliases of mc; older releases call them hosts."""
    try:
        content = parse_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({type(error).__name__}); expected the config.json of mc"
        ) from None
    found = content.get("aliases", content.get("hosts")) if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}
