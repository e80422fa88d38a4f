"""Network file systems are known by the mount table."""

from pathlib import Path

import pytest

from channels.directory.mounts import network_type

TABLE = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv/share rw,relatime shared:2 - cifs //server/share rw
31 30 0:41 / /srv/share/disk rw - ext4 /dev/sdb1 rw
32 22 0:42 / /mnt/with\\040blank rw,relatime shared:3 master:4 - nfs4 server:/export rw
33 22 0:43 / /home/user/cloud rw - fuse.rclone remote rw
34 22 0:44 / /media/stick rw - fuseblk /dev/sdc1 rw
35 22 0:45 / /mnt/twice rw - ext4 /dev/sdd1 rw
36 22 0:46 / /mnt/twice rw - nfs server:/other rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/share", "cifs"),
        ("/srv/share/link/SEND", "cifs"),
        ("/srv/shared", None),
        ("/srv/share/disk/SEND", None),
        ("/mnt/with blank/SEND", "nfs4"),
        ("/home/user/cloud/x", "fuse.rclone"),
        ("/media/stick/x", None),
        ("/mnt/twice/x", "nfs"),
        ("/tmp/x", None),
    ],
)
def test_the_deepest_and_last_mount_decides(tmp_path: Path, path: str, kind: str | None) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(TABLE)
    assert network_type(path, table) == kind


def test_without_a_table_nothing_is_a_network(tmp_path: Path) -> None:
    assert network_type("/srv/share", tmp_path / "absent") is None


def test_nonsense_in_the_table_is_passed_over(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text("\nnonsense\n1 2 3 4 5 6 7\n" + TABLE)
    assert network_type("/srv/share", table) == "cifs"


def test_this_machine_s_own_table_is_understood() -> None:
    assert network_type("/proc") is None
