-- Lists that filter by status or project, in the order that clients synchronise by.
CREATE INDEX jobs_by_status ON jobs(tenant, job_status_id, modified_dateutc, id);
CREATE INDEX jobs_by_project ON jobs(tenant, project_id, modified_dateutc, id);
