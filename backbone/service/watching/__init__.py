"""What people and monitoring systems see of a node: status, alarms, metrics, doctor."""
