-- What the rules of jobs keep beside them.

-- Planned visits (contract statements 78 and 79: one for a job, user and start). They have no revisions.
CREATE TABLE job_plannings(
  rid INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL,
  id BLOB NOT NULL,
  jobs_id BLOB NOT NULL,
  user_id BLOB NOT NULL,
  date_start INTEGER NOT NULL,
  date_create INTEGER NOT NULL,
  modified_dateutc INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX job_plannings_by_id ON job_plannings(tenant, id);
CREATE INDEX job_plannings_by_job ON job_plannings(tenant, jobs_id, id);
CREATE UNIQUE INDEX job_plannings_by_visit ON job_plannings(tenant, jobs_id, user_id, date_start);

-- First answers to requests that carried an id of their own, kept to be given again.
CREATE TABLE idempotency(
  rid INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL,
  request_id BLOB NOT NULL,
  created_ticks INTEGER NOT NULL,
  hash BLOB NOT NULL,            -- of the request, 16 bytes
  answer BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX idempotency_by_request ON idempotency(tenant, request_id);
CREATE INDEX idempotency_by_age ON idempotency(tenant, created_ticks);

-- Entities that a job takes when it names none of their kind (contract 3.1: job_priority).
ALTER TABLE entities ADD COLUMN is_default INTEGER NOT NULL DEFAULT 0;
CREATE INDEX entities_by_default ON entities(tenant, kind, id) WHERE is_default = 1;
-- Those of before. Of a JobPriority (kind 8) the id is 38 bytes, then comes the name (tag 12, a length of one byte or two),
-- then is_default (18 01), each if it is filled.
UPDATE entities SET is_default = 1 WHERE kind = 8 AND hex(substr(payload, 1, 2)) = '0A24' AND hex(substr(payload, 39 + CASE
  WHEN hex(substr(payload, 39, 1)) <> '12' THEN 0
  WHEN hex(substr(payload, 40, 1)) < '80' THEN 2
    + (instr('0123456789ABCDEF', substr(hex(substr(payload, 40, 1)), 1, 1)) - 1) * 16
    + instr('0123456789ABCDEF', substr(hex(substr(payload, 40, 1)), 2, 1)) - 1
  ELSE 3
    + (instr('0123456789ABCDEF', substr(hex(substr(payload, 40, 1)), 1, 1)) - 9) * 16
    + instr('0123456789ABCDEF', substr(hex(substr(payload, 40, 1)), 2, 1)) - 1
    + (instr('0123456789ABCDEF', substr(hex(substr(payload, 41, 1)), 1, 1)) - 1) * 16 * 128
    + (instr('0123456789ABCDEF', substr(hex(substr(payload, 41, 1)), 2, 1)) - 1) * 128
  END, 2)) = '1801';
