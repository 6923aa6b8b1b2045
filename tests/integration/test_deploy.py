"""What deploy/ promises of itself that can be checked without the machine it is for."""

import re
import subprocess

from cluster.causeway import default_binary
from cluster.paths import PROJECT

# For tests and the desk, or what every build has.
NOT_FOR_THE_IMAGE = {"ccache", "git", "ca-certificates", "libgtest-dev", "libgmock-dev", "libbenchmark-dev"}
# Of every Debian image.
BASE = {"libc6", "libgcc-s1", "libstdc++6"}


def image_packages():
    """What each stage of the Dockerfile installs."""
    stages = re.split(r"^FROM ", (PROJECT / "deploy/Dockerfile").read_text(), flags=re.M)[1:]
    installed = [re.search(r"apt-get install -y --no-install-recommends(.*?)&&", stage, re.S)[1] for stage in stages]
    return [set(packages.replace("\\", " ").split()) for packages in installed]


def test_image_installs_what_a_build_needs():
    script = (PROJECT / "scripts/install-dependencies").read_text()
    needed = set(re.search(r"^build=\((.*?)\)", script, re.S | re.M)[1].split()) - NOT_FOR_THE_IMAGE
    assert needed <= image_packages()[0], needed - image_packages()[0]


def test_image_installs_what_the_program_loads():
    dynamic = subprocess.run(["readelf", "-d", default_binary()], capture_output=True, text=True, check=True).stdout
    needed = set()
    for library in re.findall(r"NEEDED.*\[(.*)\]", dynamic):
        # Sanitizers' libraries are of no released build.
        owner = subprocess.run(["dpkg", "-S", f"*/{library}"], capture_output=True, text=True, check=True).stdout
        needed.add(owner.split(":")[0])
    needed = {package for package in needed if not re.match(r"lib(asan|ubsan|tsan)", package)} - BASE
    assert needed <= image_packages()[1], needed - image_packages()[1]


def test_service_can_be_reloaded():
    unit = (PROJECT / "deploy/causeway.service").read_text()
    assert re.search(r"^ExecReload=/bin/kill -HUP \$MAINPID$", unit, re.M)
