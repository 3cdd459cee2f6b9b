-- Records of a node that will never arrive, as the cloud counted them.
SELECT coalesce(sum(records), 0)::BIGINT FROM loss WHERE node = $1
