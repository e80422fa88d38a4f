"""``backbone`` itself, with days of retention made minutes, so that an hour sees what a season would."""

from backbone.cli import main
from backbone.replication import limits
from backbone.service.running import pruning

HORIZON_SECONDS = 300
PRUNED_EVERY_SECONDS = 60.0

if __name__ == "__main__":
    limits.backup_horizon_seconds = HORIZON_SECONDS
    pruning.PRUNED_EVERY_SECONDS = PRUNED_EVERY_SECONDS
    main()
