-- How much log there is, kept with each write, so that retention by size costs no count.
ALTER TABLE tenants ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;
-- The newest commit_ticks that was trimmed from the log; the least integer: none yet.
ALTER TABLE tenants ADD COLUMN trimmed_ticks INTEGER NOT NULL DEFAULT -9223372036854775808;
UPDATE tenants SET log_bytes = coalesce((SELECT sum(length(payload) + length(old) + 100) FROM changes AS c
  WHERE c.tenant = tenants.tenant), 0);

-- A tenant's jobs by rid, which every index ends in: a small tenant does not walk the jobs of the others.
CREATE INDEX jobs_by_tenant ON jobs(tenant);
INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES ('jobs', 'jobs_by_tenant', '1000000 1000000');
ANALYZE sqlite_schema;
