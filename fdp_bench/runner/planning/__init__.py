"""Which episodes a run, a shard or a continued run executes."""
