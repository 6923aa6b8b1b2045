"""CPU time, memory and cores of a process and its children."""

import os
import pathlib
import time


def descendants(pid):
    """`pid` and all processes below it."""
    found = [pid]
    for process in found:  # grows while it is walked
        for children in pathlib.Path(f"/proc/{process}/task").glob("*/children"):
            found += [int(child) for child in children.read_text().split()]
    return found


def cpu_seconds(pid):
    """User and system time of all threads, ended ones too, of the process and its living children.

    It is the sum of utime and stime of /proc/PID/stat, read from the process' CPU clock, which counts nanoseconds
    where the file counts hundredths of a second.
    """
    return sum(time.clock_gettime(_cpu_clock(process)) for process in descendants(pid))


def resident_bytes(pid):
    """VmRSS of the process and its children."""
    return sum(_resident_bytes(process) for process in descendants(pid))


def peak_resident_bytes(pid):
    """VmHWM, the most since reset_peak(), of the process and its children."""
    return sum(_resident_bytes(process, "VmHWM:") for process in descendants(pid))


def reset_peak(pid):
    for process in descendants(pid):
        pathlib.Path(f"/proc/{process}/clear_refs").write_text("5")


def pin(pid, cores):
    """Lets all threads of a process run on these cores only; those that they start inherit it."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores)


def _cpu_clock(pid):
    return (~pid << 3) | 2  # as clock_getcpuclockid() makes it


def _resident_bytes(pid, what="VmRSS:"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    return 0
