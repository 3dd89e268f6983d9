-- Lists that filter by status or project, in the order that clients synchronise by.
CREATE INDEX jobs_by_status ON jobs(tenant, job_status_id, modified_dateutc, id);
CREATE INDEX jobs_by_project ON jobs(tenant, project_id, modified_dateutc, id);

-- What SQLite shall assume of a large tenant, in place of measuring: without it a tenant has ten jobs, and a scan of them all in
-- the wanted order seems better than an index with a sort. Rows of the index, then rows with equal first columns.
ANALYZE sqlite_schema;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES
  ('jobs', 'jobs_by_id', '1000000 1000000 1'),
  ('jobs', 'jobs_by_modified', '1000000 1000000 1 1'),
  ('jobs', 'jobs_by_status', '1000000 1000000 5000 1 1'),
  ('jobs', 'jobs_by_project', '1000000 1000000 50 1 1'),
  ('jobs', 'jobs_by_reference', '900000 900000 1'),
  ('jobs', 'jobs_by_parent', '100000 100000 5'),
  ('entities', 'entities_by_id', '100000 100000 10000 1'),
  ('entities', 'entities_by_key', '100000 100000 10000 1');
ANALYZE sqlite_schema;
