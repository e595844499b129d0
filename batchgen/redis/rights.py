"""What batchgen's user in Redis may do, as the local stack makes it and the doctor advises it."""

#: No CONFIG, DEBUG, MODULE, ACL, MONITOR, SHUTDOWN, no replication, and whatever else Redis calls
#: dangerous, but INFO, by which the doctor learns the version. docs/redis.md has the same.
RIGHTS = "+@all -@dangerous +info +client|setname +client|id"
