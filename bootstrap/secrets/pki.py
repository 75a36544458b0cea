"""Certificates of a site: its own CA and what that signs (EC P-256), as PEM text."""

from __future__ import annotations

import ipaddress
import zlib
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

USES = {  # what a certificate is good for; members of a system are clients of each other
    "server": [ExtendedKeyUsageOID.SERVER_AUTH],
    "client": [ExtendedKeyUsageOID.CLIENT_AUTH],
    "member": [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
}


def new_key() -> str:
    """A new private key (PKCS#8, not encrypted: the vault around it is)."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def public_key(key: str) -> str:
    """The public half of a private key (PKIX)."""
    encoding = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _load_key(key).public_key().public_bytes(*encoding).decode()


def make_ca(common_name: str, days: int) -> dict[str, str]:
    """A self-signed CA: `{key, cert}`."""
    key = new_key()
    private = _load_key(key)
    usage = _key_usage(key_cert_sign=True, crl_sign=True)
    builder = (
        _builder(name_of(common_name), name_of(common_name), private.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return {"key": key, "cert": _sign(builder, private)}


def make_certificate(ca: dict[str, str], subject: x509.Name, sans: list[str], use: str, days: int) -> dict[str, str]:
    """A certificate for one of USES with a key of its own, signed by `ca`: `{key, cert}`.

    It never outlives its CA.
    """
    key = new_key()
    issuer = x509.load_pem_x509_certificate(ca["cert"].encode())
    left = (issuer.not_valid_after_utc - datetime.now(UTC)).days
    builder = (
        _builder(subject, issuer.subject, _load_key(key).public_key(), min(days, left))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(USES[use]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
    )
    if sans:  # the certificate of a mere client has none
        builder = builder.add_extension(x509.SubjectAlternativeName([_san(name) for name in sans]), critical=False)
    return {"key": key, "cert": _sign(builder, _load_key(ca["key"]))}


def why_renew(cert: str, ca: dict[str, str], subject: x509.Name, sans: list[str], use: str, share: float) -> str | None:
    """The reason to make a new certificate, or None when this one is still good.

    It is due when its names or its use differ from the wanted ones, when `ca` did not sign it, and with little of its life left:
    between `share` and half as much again, each name at another time, so that not all of a site are due in one run.
    """
    found = x509.load_pem_x509_certificate(cert.encode())
    life = found.not_valid_after_utc - found.not_valid_before_utc
    spread = zlib.crc32(subject.rfc4514_string().encode()) / 2**33
    if found.not_valid_after_utc - datetime.now(UTC) < life * share * (1 + spread):
        return f"{days_left(cert)} days left"
    if found.subject != subject or _sans(found) != {_san(name) for name in sans}:
        return "its names changed"
    if list(found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) != USES[use]:
        return "its use changed"
    try:
        found.verify_directly_issued_by(x509.load_pem_x509_certificate(ca["cert"].encode()))
    except (InvalidSignature, ValueError):
        return "its CA changed"
    return None


def days_left(cert: str) -> int:
    """Whole days until a certificate ends."""
    return (x509.load_pem_x509_certificate(cert.encode()).not_valid_after_utc - datetime.now(UTC)).days


def _load_key(pem: str) -> ec.EllipticCurvePrivateKey:
    return serialization.load_pem_private_key(pem.encode(), password=None)


def name_of(common_name: str, organization: str = "") -> x509.Name:
    """A subject. Kubernetes reads the organization as the group of a client."""
    parts = [(NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name)]
    return x509.Name([x509.NameAttribute(part, value) for part, value in parts if value])


def _sans(certificate: x509.Certificate) -> set[x509.GeneralName]:
    try:
        return set(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return set()


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(**wanted: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
        " key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**dict.fromkeys(names.split(), False) | wanted)


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, days: int):
    start = datetime.now(UTC) - timedelta(hours=1)  # a node's clock may be a little behind
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> str:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
