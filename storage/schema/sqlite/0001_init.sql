-- Tenants and their counters. Rule R1: revision is the tenant's newest, dense and in commit order.
CREATE TABLE tenants(
  tenant INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  epoch TEXT NOT NULL,               -- text of a UUID, made with the tenant (R5)
  revision INTEGER NOT NULL,         -- newest; 0: nothing yet
  entity_revision INTEGER NOT NULL,  -- newest that changed an embedded entity
  oldest_revision INTEGER NOT NULL,  -- oldest kept in changes
  last_stamp INTEGER NOT NULL,       -- ticks (R9)
  id2_last INTEGER NOT NULL
) STRICT;

-- One job a row. Keyed by an integer that is never reused, as clients bring random GUIDs. GUIDs are 16 bytes in text order,
-- dates are ticks of 100 ns since 1970. The payload comes last, so that reading a column never walks its overflow pages.
CREATE TABLE jobs(
  rid INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  id BLOB NOT NULL,
  parent_id BLOB NOT NULL,
  project_id BLOB NOT NULL,
  job_type_id BLOB NOT NULL,
  job_priority_id BLOB NOT NULL,
  job_status_id BLOB NOT NULL,
  db_address_id BLOB NOT NULL,
  contact_id BLOB NOT NULL,
  requested_by_company_id BLOB NOT NULL,
  requested_by_contact_id BLOB NOT NULL,
  reference_back_office TEXT NOT NULL,
  name TEXT NOT NULL,
  working_sequence INTEGER NOT NULL,
  estimated_time INTEGER NOT NULL,
  earliest_date_plannable INTEGER NOT NULL,
  due_date INTEGER NOT NULL,
  date_create INTEGER NOT NULL,
  date_update INTEGER NOT NULL,
  date_closed INTEGER NOT NULL,
  suggested_user_id BLOB NOT NULL,
  suggested_date_start INTEGER NOT NULL,
  skill_id BLOB NOT NULL,
  customer_reference TEXT NOT NULL,
  approval_responsible_user_id BLOB NOT NULL,
  date_reported_by_company INTEGER NOT NULL,
  id2 INTEGER NOT NULL,
  company_id BLOB NOT NULL,
  company_code TEXT NOT NULL,
  db_address_city TEXT NOT NULL,
  db_address_zip TEXT NOT NULL,
  modified_dateutc INTEGER NOT NULL,
  payload BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX jobs_by_id ON jobs(tenant, id);
CREATE INDEX jobs_by_modified ON jobs(tenant, modified_dateutc, id);
CREATE UNIQUE INDEX jobs_by_reference ON jobs(tenant, reference_back_office) WHERE reference_back_office <> '';
CREATE INDEX jobs_by_parent ON jobs(tenant, parent_id) WHERE parent_id <> x'00000000000000000000000000000000';

-- Embedded entities. A table with a rowid: clustered by (tenant, kind, id), inserts were 3 to 6 times slower and reads no faster.
CREATE TABLE entities(
  rid INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  id BLOB NOT NULL,
  key TEXT NOT NULL,
  revision INTEGER NOT NULL,       -- of its own last change; 0: seeded with the tenant
  tree_revision INTEGER NOT NULL,  -- C1: newest among itself and all it embeds
  payload BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX entities_by_id ON entities(tenant, kind, id);
CREATE UNIQUE INDEX entities_by_key ON entities(tenant, kind, key) WHERE key <> '';

-- Who embeds whom, directly: from the child up to raise tree_revision, from the parent down to replace its edges.
CREATE TABLE entity_edges(
  tenant INTEGER NOT NULL,
  child_kind INTEGER NOT NULL,
  child_id BLOB NOT NULL,
  parent_kind INTEGER NOT NULL,
  parent_id BLOB NOT NULL,
  PRIMARY KEY(tenant, child_kind, child_id, parent_kind, parent_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX entity_edges_by_parent ON entity_edges(tenant, parent_kind, parent_id, child_kind, child_id);

-- The log. A table with a rowid and a unique index: its records hold payloads, and records beyond a few hundred bytes make a
-- clustered tree deep and full of overflow pages, while here both trees only grow at their right edge.
CREATE TABLE changes(
  rid INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  change INTEGER NOT NULL,        -- 1 created, 2 updated, 3 deleted
  id BLOB NOT NULL,
  job_rid INTEGER NOT NULL,       -- 0: not a job
  last INTEGER NOT NULL,          -- 1: last of its request
  commit_ticks INTEGER NOT NULL,
  changed INTEGER NOT NULL,       -- 64 bits, one a member
  trace TEXT NOT NULL,
  old BLOB NOT NULL,
  payload BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX changes_by_revision ON changes(tenant, revision);
