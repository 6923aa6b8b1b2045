"""Certificates for tests: of authorities of their own, or of the one that all servers of a cluster trust."""

import dataclasses
import pathlib
import subprocess

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


def new_authority(directory, name="/CN=Another CA"):
    directory.mkdir(exist_ok=True)
    pair = Pair(str(directory / "ca.pem"), str(directory / "ca-key.pem"))
    _openssl("req", "-x509", *_KEY, "-keyout", pair.key, "-out", pair.certificate, "-days", "30", "-subj", name)
    return Authority(directory, pair)


def authority_of(cluster, directory):
    """The authority of a cluster's servers; what it issues lies in `directory`."""
    data = cluster.servers[0].datadir
    return Authority(directory, Pair(str(data / "ca.pem"), str(data / "ca-key.pem")))


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
