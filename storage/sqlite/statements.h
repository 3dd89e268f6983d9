/* For storage/sqlite alone: every statement that runs more than once, so that R7 can be checked at a glance: a statement on
 * tenants' rows names the tenant as ?1. */
#ifndef JG_STORAGE_SQLITE_STATEMENTS_H
#define JG_STORAGE_SQLITE_STATEMENTS_H

#include "base/buf.h"

#define JG_SQLITE_JOB_ROW "rid, revision, id, modified_dateutc, payload"
#define JG_SQLITE_ENTITY_ROW "kind, id, key, revision, tree_revision, payload"
#define JG_SQLITE_PLANNING_ROW "id, jobs_id, user_id, date_start, date_create, modified_dateutc"
#define JG_SQLITE_CHANGE_ROW "revision, kind, change, id, job_rid, last, commit_ticks, changed, trace, old, payload"

/* The key of a page by id is ?2; by modified_dateutc it is (?3, ?2). Both comparisons are strict. */
#define JG_SQLITE_BY_ID(what, compare, direction) \
  "SELECT " what " FROM jobs WHERE tenant=?1 AND id" compare "?2 ORDER BY id " direction " LIMIT ?4"
#define JG_SQLITE_BY_MODIFIED(what, compare, direction)                          \
  "SELECT " what " FROM jobs WHERE tenant=?1 AND (modified_dateutc, id)" compare \
  "(?3, ?2) ORDER BY modified_dateutc " direction ", id " direction " LIMIT ?4"

/* Does a row of jobs name the entity ?3 of kind ?2 (enum jg_kind) in a column? */
#define JG_SQLITE_COLUMN_NAMES                                                                    \
  "CASE ?2 WHEN 2 THEN project_id=?3 WHEN 7 THEN job_type_id=?3 WHEN 8 THEN job_priority_id=?3 "  \
  "WHEN 9 THEN suggested_user_id=?3 OR approval_responsible_user_id=?3 WHEN 10 THEN skill_id=?3 " \
  "WHEN 13 THEN job_status_id=?3 END"

/* name, text. The order of pages and skips is: id, id descending, modified, modified descending. */
#define JG_SQLITE_STATEMENTS(X)                                                                                        \
  X(BEGIN_READ, "BEGIN")                                                                                               \
  X(BEGIN_WRITE, "BEGIN IMMEDIATE")                                                                                    \
  X(COMMIT, "COMMIT")                                                                                                  \
  X(ROLLBACK, "ROLLBACK")                                                                                              \
  X(SAVEPOINT, "SAVEPOINT w")                                                                                          \
  X(RELEASE, "RELEASE w")                                                                                              \
  X(ROLLBACK_TO, "ROLLBACK TO w")                                                                                      \
  X(TENANT_BY_NAME, "SELECT tenant FROM tenants WHERE name=?1")                                                        \
  X(TENANT_AFTER, "SELECT tenant, name FROM tenants WHERE name>?1 ORDER BY name LIMIT 1")                              \
  X(TENANT_STATE,                                                                                                      \
    "SELECT epoch, revision, entity_revision, oldest_revision, last_stamp, id2_last, log_bytes, trimmed_ticks "        \
    "FROM tenants WHERE tenant=?1")                                                                                    \
  X(TENANT_INSERT,                                                                                                     \
    "INSERT INTO tenants(name, epoch, revision, entity_revision, oldest_revision, last_stamp, id2_last) "              \
    "VALUES(?1, ?2, 0, 0, 1, 0, 0)")                                                                                   \
  X(TENANT_UPDATE,                                                                                                     \
    "UPDATE tenants SET revision=?2, entity_revision=?3, last_stamp=?4, id2_last=?5, oldest_revision=?6, "             \
    "log_bytes=?7, trimmed_ticks=?8 WHERE tenant=?1")                                                                  \
  X(TENANT_BEHIND, "SELECT tenant FROM tenants WHERE tenant>?1 ORDER BY tenant LIMIT 1")                               \
  X(TENANT_EPOCH, "UPDATE tenants SET epoch=?2 WHERE tenant=?1")                                                       \
  X(JOB_GET, "SELECT " JG_SQLITE_JOB_ROW " FROM jobs WHERE tenant=?1 AND id=?2")                                       \
  X(JOB_FIND, "SELECT " JG_SQLITE_JOB_ROW                                                                              \
              " FROM jobs WHERE tenant=?1 AND reference_back_office=?2 AND reference_back_office <> ''")               \
  X(JOB_IS_PARENT,                                                                                                     \
    "SELECT 1 FROM jobs WHERE tenant=?1 AND parent_id=?2 AND id<>?2 "                                                  \
    "AND parent_id <> x'00000000000000000000000000000000' LIMIT 1")                                                    \
  X(JOB_BY_RID, "SELECT " JG_SQLITE_JOB_ROW " FROM jobs WHERE tenant=?1 AND rid=?2")                                   \
  X(JOB_EXISTS, "SELECT 1 FROM jobs WHERE tenant=?1 AND id=?2")                                                        \
  X(JOB_PAGE_ID, JG_SQLITE_BY_ID(JG_SQLITE_JOB_ROW, ">", "ASC"))                                                       \
  X(JOB_PAGE_ID_DESC, JG_SQLITE_BY_ID(JG_SQLITE_JOB_ROW, "<", "DESC"))                                                 \
  X(JOB_PAGE_MODIFIED, JG_SQLITE_BY_MODIFIED(JG_SQLITE_JOB_ROW, ">", "ASC"))                                           \
  X(JOB_PAGE_MODIFIED_DESC, JG_SQLITE_BY_MODIFIED(JG_SQLITE_JOB_ROW, "<", "DESC"))                                     \
  X(JOB_SKIP_ID, JG_SQLITE_BY_ID("id, 0", ">", "ASC") " OFFSET ?5")                                                    \
  X(JOB_SKIP_ID_DESC, JG_SQLITE_BY_ID("id, 0", "<", "DESC") " OFFSET ?5")                                              \
  X(JOB_SKIP_MODIFIED, JG_SQLITE_BY_MODIFIED("id, modified_dateutc", ">", "ASC") " OFFSET ?5")                         \
  X(JOB_SKIP_MODIFIED_DESC, JG_SQLITE_BY_MODIFIED("id, modified_dateutc", "<", "DESC") " OFFSET ?5")                   \
  X(JOB_SCAN, "SELECT " JG_SQLITE_JOB_ROW                                                                              \
              " FROM jobs INDEXED BY jobs_by_tenant WHERE tenant=?1 AND rid>?2 ORDER BY rid LIMIT ?3")                 \
  X(JOB_LAST, "SELECT rid FROM jobs INDEXED BY jobs_by_tenant WHERE tenant=?1 ORDER BY rid DESC LIMIT 1")              \
  X(JOB_INSERT, NULL) /* made from the members that have columns */                                                    \
  X(JOB_UPDATE, NULL)                                                                                                  \
  X(JOB_DELETE, "DELETE FROM jobs WHERE tenant=?1 AND rid=?2")                                                         \
  X(ENTITY_GET, "SELECT " JG_SQLITE_ENTITY_ROW " FROM entities WHERE tenant=?1 AND kind=?2 AND id=?3")                 \
  X(ENTITY_FIND, "SELECT " JG_SQLITE_ENTITY_ROW " FROM entities WHERE tenant=?1 AND kind=?2 AND key=?3 AND key <> ''") \
  X(ENTITY_DEFAULTS,                                                                                                   \
    "SELECT " JG_SQLITE_ENTITY_ROW " FROM entities WHERE tenant=?1 AND kind=?2 AND is_default = 1 ORDER BY id")        \
  X(ENTITY_HEAD, "SELECT tree_revision FROM entities WHERE tenant=?1 AND kind=?2 AND id=?3")                           \
  X(ENTITY_INSERT,                                                                                                     \
    "INSERT INTO entities(tenant, kind, id, key, revision, tree_revision, payload, is_default) "                       \
    "VALUES(?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)")                                                                          \
  X(ENTITY_UPDATE,                                                                                                     \
    "UPDATE entities SET key=?4, revision=?5, tree_revision=?5, payload=?6, is_default=?7 "                            \
    "WHERE tenant=?1 AND kind=?2 AND id=?3")                                                                           \
  X(ENTITY_RAISE, /* everything that embeds it, directly or not; UNION ends a cycle */                                 \
    "WITH RECURSIVE up(kind, id) AS ("                                                                                 \
    "SELECT parent_kind, parent_id FROM entity_edges WHERE tenant=?1 AND child_kind=?2 AND child_id=?3 "               \
    "UNION SELECT e.parent_kind, e.parent_id FROM up CROSS JOIN entity_edges e "                                       \
    "ON e.tenant=?1 AND e.child_kind=up.kind AND e.child_id=up.id) "                                                   \
    "UPDATE entities SET tree_revision=?4 FROM up WHERE tenant=?1 AND entities.kind=up.kind AND entities.id=up.id")    \
  X(ENTITY_PAGE,                                                                                                       \
    "SELECT " JG_SQLITE_ENTITY_ROW " FROM entities WHERE tenant=?1 AND kind=?2 AND id>?3 ORDER BY id LIMIT ?4")        \
  X(ENTITY_DELETE, "DELETE FROM entities WHERE tenant=?1 AND kind=?2 AND id=?3")                                       \
  X(EDGE_TO, "SELECT 1 FROM entity_edges WHERE tenant=?1 AND child_kind=?2 AND child_id=?3 LIMIT 1")                   \
  X(JOB_OF_PROJECT, "SELECT 1 FROM jobs WHERE tenant=?1 AND project_id=?3 LIMIT 1")                                    \
  X(JOB_NAMES,                                                                                                         \
    "SELECT 1 FROM jobs INDEXED BY jobs_by_modified WHERE tenant=?1 AND " JG_SQLITE_COLUMN_NAMES " LIMIT 1")           \
  X(CHANGED_JOB_NAMES,                                                                                                 \
    "SELECT 1 FROM changes c CROSS JOIN jobs j ON j.rid=c.job_rid AND j.tenant=?1 "                                    \
    "WHERE c.tenant=?1 AND c.revision>?4 AND " JG_SQLITE_COLUMN_NAMES " LIMIT 1")                                      \
  X(PLANNING_OF_USER,                                                                                                  \
    "SELECT 1 FROM job_plannings INDEXED BY job_plannings_by_visit WHERE tenant=?1 AND user_id=?3 LIMIT 1")            \
  X(CHANGED_PLANNING_OF_USER,                                                                                          \
    "SELECT 1 FROM changes c CROSS JOIN job_plannings p ON p.tenant=?1 AND p.jobs_id=c.id "                            \
    "WHERE c.tenant=?1 AND c.revision>?4 AND p.user_id=?3 LIMIT 1")                                                    \
  X(EDGES_OF, "SELECT child_kind, child_id FROM entity_edges WHERE tenant=?1 AND parent_kind=?2 AND parent_id=?3")     \
  X(EDGES_DELETE, "DELETE FROM entity_edges WHERE tenant=?1 AND parent_kind=?2 AND parent_id=?3")                      \
  X(EDGE_INSERT,                                                                                                       \
    "INSERT OR IGNORE INTO entity_edges(tenant, parent_kind, parent_id, child_kind, child_id) "                        \
    "VALUES(?1, ?2, ?3, ?4, ?5)")                                                                                      \
  X(CHANGES,                                                                                                           \
    "SELECT " JG_SQLITE_CHANGE_ROW " FROM changes WHERE tenant=?1 AND revision>?2 AND revision<=?3 ORDER BY revision") \
  X(CHANGE_TICKS, "SELECT commit_ticks FROM changes WHERE tenant=?1 AND revision=?2")                                  \
  X(CHANGE_END_BEFORE,                                                                                                 \
    "SELECT revision FROM changes WHERE tenant=?1 AND revision<=?2 AND last=1 ORDER BY revision DESC LIMIT 1")         \
  X(CHANGE_END_AFTER,                                                                                                  \
    "SELECT revision FROM changes WHERE tenant=?1 AND revision>=?2 AND last=1 ORDER BY revision LIMIT 1")              \
  X(CHANGE_SIZES,                                                                                                      \
    "SELECT revision, last, length(old)+length(payload) FROM changes "                                                 \
    "WHERE tenant=?1 AND revision>=?2 ORDER BY revision LIMIT ?3")                                                     \
  X(CHANGES_SUM,                                                                                                       \
    "SELECT count(*), sum(length(old)+length(payload)), max(commit_ticks) FROM changes "                               \
    "WHERE tenant=?1 AND revision<=?2")                                                                                \
  X(CHANGES_TRIM, "DELETE FROM changes WHERE tenant=?1 AND revision<=?2")                                              \
  X(PLANNING_GET, "SELECT " JG_SQLITE_PLANNING_ROW " FROM job_plannings WHERE tenant=?1 AND id=?2")                    \
  X(PLANNING_PAGE,                                                                                                     \
    "SELECT " JG_SQLITE_PLANNING_ROW " FROM job_plannings WHERE tenant=?1 AND id>?2 ORDER BY id LIMIT ?3")             \
  X(PLANNING_PAGE_OF_JOB, "SELECT " JG_SQLITE_PLANNING_ROW                                                             \
                          " FROM job_plannings WHERE tenant=?1 AND jobs_id=?4 AND id>?2 ORDER BY id LIMIT ?3")         \
  X(PLANNING_INSERT,                                                                                                   \
    "INSERT INTO job_plannings(tenant, " JG_SQLITE_PLANNING_ROW                                                        \
    ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(tenant, jobs_id, user_id, date_start) DO NOTHING")               \
  X(PLANNING_DELETE_OF_JOB, "DELETE FROM job_plannings WHERE tenant=?1 AND jobs_id=?2")                                \
  X(ANSWER_GET, "SELECT hash, created_ticks, answer FROM idempotency WHERE tenant=?1 AND request_id=?2")               \
  X(ANSWER_PUT,                                                                                                        \
    "INSERT INTO idempotency(tenant, request_id, created_ticks, hash, answer) VALUES(?1, ?2, ?3, ?4, ?5) "             \
    "ON CONFLICT(tenant, request_id) DO UPDATE "                                                                       \
    "SET created_ticks=excluded.created_ticks, hash=excluded.hash, answer=excluded.answer")                            \
  X(ANSWER_EXPIRE,                                                                                                     \
    "DELETE FROM idempotency WHERE tenant=?1 AND rid IN (SELECT rid FROM idempotency "                                 \
    "WHERE tenant=?1 AND created_ticks<=?2 ORDER BY created_ticks LIMIT ?3)")                                          \
  X(USER_GET, "SELECT name, password, created_ticks FROM users WHERE tenant=?1 AND name=?2")                           \
  X(USER_LIST, "SELECT name, password, created_ticks FROM users WHERE tenant=?1 AND name>?2 ORDER BY name LIMIT ?3")   \
  X(USER_INSERT, "INSERT INTO users(tenant, name, password, created_ticks) VALUES(?1, ?2, ?3, ?4)")                    \
  X(USER_PUT,                                                                                                          \
    "INSERT INTO users(tenant, name, password, created_ticks) VALUES(?1, ?2, ?3, ?4) "                                 \
    "ON CONFLICT(tenant, name) DO UPDATE SET password=excluded.password")                                              \
  X(USER_DELETE, "DELETE FROM users WHERE tenant=?1 AND name=?2 RETURNING name")                                       \
  X(CHANGE_INSERT,                                                                                                     \
    "INSERT INTO changes(tenant, " JG_SQLITE_CHANGE_ROW ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)")

enum jg_sqlite_statement {
#define JG_SQLITE_STATEMENT_ENUM(name, text) JG_SQLITE_##name,
  JG_SQLITE_STATEMENTS(JG_SQLITE_STATEMENT_ENUM)
#undef JG_SQLITE_STATEMENT_ENUM
      JG_SQLITE_STATEMENT_COUNT
};

/* Appends the text, without a NUL. */
void jg_sqlite_statement_text(enum jg_sqlite_statement statement, struct jg_buf *out);

/* Parameters of JOB_INSERT and JOB_UPDATE: ?1 tenant, ?2 revision, ?3 payload, ?4 rid (JOB_UPDATE), then the columns in the
 * order of jg_columns. */
#define JG_SQLITE_JOB_COLUMNS_FROM 5

#endif
