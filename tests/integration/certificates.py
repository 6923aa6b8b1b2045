"""Certificates for tests: of authorities of their own, or of the one that all servers of a cluster trust."""

import dataclasses
import datetime
import pathlib
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclasses.dataclass(frozen=True)
class Pair:
    """A certificate and its key, PEM files."""

    certificate: str
    key: str


@dataclasses.dataclass(frozen=True)
class Authority:
    """An authority in the folder `directory`."""

    directory: pathlib.Path
    pair: Pair

    def issue(self, name, subject, alternative_names="DNS:localhost,IP:127.0.0.1"):
        """A new certificate for `subject` ("/CN=ann"), in the files `name`.pem and `name`-key.pem."""
        pair = Pair(str(self.directory / f"{name}.pem"), str(self.directory / f"{name}-key.pem"))
        _openssl("req", "-x509", *_KEY, "-keyout", pair.key, "-out", pair.certificate, "-days", "30", "-subj", subject,
                 "-CA", self.pair.certificate, "-CAkey", self.pair.key, "-addext", f"subjectAltName={alternative_names}",
                 "-addext", "basicConstraints=CA:FALSE")  # fmt: skip
        return pair

    def redate(self, pair, first_day, last_day):
        """A certificate of this authority is valid on other days, counted from now: (-9, -1) has expired."""
        old = x509.load_pem_x509_certificate(pathlib.Path(pair.certificate).read_bytes())
        key = serialization.load_pem_private_key(pathlib.Path(self.pair.key).read_bytes(), None)
        now = datetime.datetime.utcnow()
        new = (x509.CertificateBuilder().subject_name(old.subject).issuer_name(old.issuer).public_key(old.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(now + datetime.timedelta(first_day)).not_valid_after(now + datetime.timedelta(last_day)))  # fmt: skip
        for extension in old.extensions:
            new = new.add_extension(extension.value, extension.critical)
        pathlib.Path(pair.certificate).write_bytes(new.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return pair


def new_authority(directory, name="/CN=Another CA"):
    directory.mkdir(exist_ok=True)
    pair = Pair(str(directory / "ca.pem"), str(directory / "ca-key.pem"))
    _openssl("req", "-x509", *_KEY, "-keyout", pair.key, "-out", pair.certificate, "-days", "30", "-subj", name)
    return Authority(directory, pair)


def authority_of(cluster, directory):
    """The authority of a cluster's servers; what it issues lies in `directory`."""
    data = cluster.servers[0].datadir
    return Authority(directory, Pair(str(data / "ca.pem"), str(data / "ca-key.pem")))


def expiry(pair):
    """When a certificate expires, in seconds since 1970."""
    certificate = x509.load_pem_x509_certificate(pathlib.Path(pair.certificate).read_bytes())
    return certificate.not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp()


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
