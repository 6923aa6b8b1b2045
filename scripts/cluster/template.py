"""Initialised data folders, made once per server version and then copied: that is most of a cluster's start."""

import fcntl
import hashlib
import inspect
import os
import pathlib
import shutil
import subprocess
import tempfile

from . import accounts, mariadb, mysql
from .paths import cache_dir
from .server import Server


def copy_template(flavor, datadir):
    """Makes `datadir` a data folder of `flavor` with the accounts, a certificate, and an empty binary log."""
    template = _template(flavor)
    subprocess.run(["cp", "-a", "--reflink=auto", "--sparse=always", str(template), str(datadir)], check=True)


def _template(flavor):
    # Whatever decides about the content is part of the name, so that an old template is never used by mistake.
    recipe = "".join(inspect.getsource(module) for module in (accounts, mariadb, mysql)) + inspect.getsource(_make)
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    template = cache_dir() / "templates" / f"{flavor.kind}-{flavor.version()}-{digest}"
    template.parent.mkdir(parents=True, exist_ok=True)
    if template.exists():
        return template
    with open(f"{template}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            # Built where the server can see it, then moved into its place: it is there complete or not at all.
            home = pathlib.Path(tempfile.mkdtemp(prefix="template-", dir=flavor.scratch_root()))
            try:
                _make(flavor, home)
                os.rename(home / "data", template)
            finally:
                shutil.rmtree(home)
    return template


def _make(flavor, home):
    (home / "tmp").mkdir()
    flavor.install(home / "data")
    _make_certificate(home / "data")
    server = Server(flavor, home, server_id=1, options=["--skip-log-bin"])
    server.launch(die_with_parent=True)
    try:
        server.wait_ready(die_with_parent=True)
        for statement in flavor.template_statements():
            server.query(statement)
        server.shut_down()
    finally:
        server.kill()
    (home / "data" / "auto.cnf").unlink(missing_ok=True)  # MySQL's server UUID: each copy makes its own


def _make_certificate(datadir):
    """A CA and a certificate for 127.0.0.1 and localhost, so that verify_identity can be tried on both kinds."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=datadir)

    for stale in ("ca", "server", "client"):  # those that MySQL has made by itself name no host
        for path in datadir.glob(f"{stale}-*.pem"):
            path.unlink()
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca-key.pem", "-out", "ca.pem", "-days", "3650",
            "-subj", "/CN=Causeway test CA")  # fmt: skip
    openssl("req", "-x509", *key, "-keyout", "server-key.pem", "-out", "server-cert.pem", "-days", "3650",
            "-subj", "/CN=localhost", "-CA", "ca.pem", "-CAkey", "ca-key.pem",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE")  # fmt: skip
