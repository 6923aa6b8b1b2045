"""Real MySQL and MariaDB clusters, and Causeway before them, on this machine: for tests, demos and benchmarks.

    with LocalCluster("mysql") as cluster:
        with cluster.connect(0, accounts.APP) as connection: ...

`local_cluster` is the cluster, `server` one server process, `mariadb` and `mysql` say how the two kinds differ,
`template` keeps initialised data folders, `accounts` lists users and rights, `causeway` runs the proxy.
"""

from . import accounts
from .causeway import Causeway, CausewayError
from .local_cluster import ClusterError, LocalCluster
from .ports import free_port
from .server import ServerError
from .waiting import Timeout, wait_until

__all__ = [
    "Causeway", "CausewayError", "ClusterError", "LocalCluster", "ServerError", "Timeout", "accounts", "free_port",
    "wait_until",
]  # fmt: skip
