-- The list of its kind on which an account is; see domain::shard.
ALTER TABLE credentials ADD COLUMN shard INTEGER NOT NULL DEFAULT 1 CHECK (shard > 0);
CREATE INDEX credentials_by_shard ON credentials (cluster, shard, power)
  WHERE state IN ('pending','active');
