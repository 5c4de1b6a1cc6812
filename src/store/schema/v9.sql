-- The list of its kind on which an account is; see domain::shard.
ALTER TABLE credentials ADD COLUMN shard INTEGER NOT NULL DEFAULT 1 CHECK (shard > 0);
CREATE INDEX credentials_by_shard ON credentials (cluster, shard, power)
  WHERE state IN ('pending','active');
-- When everything on which write rests was looked at last, and for how long a version that stands relies on it.
ALTER TABLE clusters ADD COLUMN looked_at INTEGER;
ALTER TABLE clusters ADD COLUMN scan_every INTEGER NOT NULL DEFAULT 600 CHECK (scan_every > 0);
