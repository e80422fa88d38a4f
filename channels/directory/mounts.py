"""Which file system a path is on: file events do not cross networks."""

import re
from pathlib import Path, PurePosixPath

_NETWORK = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse", "gfs2", "gpfs", "lustre", "ncpfs", "nfs", "nfs4"}
    | {"ocfs2", "pvfs2", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"}
)
_ESCAPE = re.compile(r"\\([0-7]{3})")


def network_type(path: str, mountinfo: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The file system's type when it may be written by other machines, else ``None``.

    ``fuse.*`` counts as a network; ``fuseblk`` is a local disk. Where there is no such table (not Linux), ``None``.
    """
    try:
        table = mountinfo.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    kind = _type_of(PurePosixPath(path), table)
    return kind if kind in _NETWORK or kind.startswith("fuse.") else None


def _type_of(path: PurePosixPath, table: str) -> str:
    """The type of the deepest mount that holds the path; of several on one point, the last covers the others.

    proc(5): field 5 is the mount point with octal escapes, the type follows a lone ``-``.
    """
    best, kind = -1, ""
    for line in table.splitlines():
        fields = line.split(" ")
        if "-" not in fields[6:]:
            continue
        point = PurePosixPath(_ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4]))
        depth = len(point.parts)
        if depth >= best and path.is_relative_to(point):
            best, kind = depth, fields[fields.index("-", 6) + 1]
    return kind
