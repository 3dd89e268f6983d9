/* The system of record: the seam that SQLite implements, and PostgreSQL later. What decides is written against
 * `struct jg_txn` by the services; an engine gives threads, transactions, columns, the log and the counters.
 *
 * Rules (numbers are cited by the code):
 * R1 One dense revision counter per tenant, assigned inside the writing transaction, in commit order.
 * R2 Row and log record commit together or not at all.
 * R3 Group commit: queued writes share a transaction; one that fails gives its revisions back and fails alone. When the whole
 *    batch was rolled back by an error, each member is run once more alone, or fails UNAVAILABLE.
 * R4 Checkpoints are bounded.
 * R5 A tenant's epoch is made with the tenant, and made anew by a restore: no token of before fits.
 * R6 The log is kept as long as the retention says: jg_txn_log_excess tells what may go, jg_txn_log_trim lets it go in short
 *    writes, whole requests at a time; the oldest revision left is public (jg_tenant_state).
 * R7 A transaction belongs to one tenant: every statement is scoped by it.
 * R8 A read meets its deadline (DEADLINE_EXCEEDED); a write's is checked before it runs, then it is never interrupted.
 * R9 Stamps: max(now, the tenant's last stamp + 100 ns, the job's own modified_dateutc + 100 ns); the last stamp is persisted. */
#ifndef JG_STORAGE_STORE_H
#define JG_STORAGE_STORE_H

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/queue.h"
#include "base/status.h"
#include "base/uuid.h"
#include "proto/schema/schema.h"
#include "storage/filter.h"

struct jg_store;
struct jg_txn;

/* The tenant of a server without authentication. */
#define JG_TENANT_DEFAULT JG_STR("default")

/* ---- store ---- */

struct jg_store_options {
  struct jg_str url; /* "sqlite:PATH" */
  bool create;       /* make the database if there is none (serve, import); else NOT_FOUND */
  /* Be the only writing process: FAILED_PRECONDITION/STORE_LOCKED if another one is. Without it (and without read_only) short
   * writes are made beside a server: users alone, whose rows it does not keep; nothing is migrated then. */
  bool exclusive;
  bool read_only;               /* export: no lock, no writer thread; runs beside a server */
  unsigned reader_count;        /* reader threads, 1..64 */
  const struct jg_clock *clock; /* borrows until close */
  struct jg_metrics *metrics;   /* borrows until close; NULL allowed */
  const struct jg_log *log;     /* borrows until close; NULL allowed */
};

/* The URL alone. INVALID_ARGUMENT: another form than jg_store_open takes. */
JG_MUST_CHECK struct jg_status jg_store_check_url(struct jg_str url, struct jg_arena *arena);
/* Opens or makes the record and starts its threads. Applies the numbered migrations. Refusals, each clear and naming the path:
 * INVALID_ARGUMENT (url), NOT_FOUND, FAILED_PRECONDITION with STORE_FOREIGN (not a jobgate database), STORE_NEWER,
 * STORE_LOCKED, STORE_READ_ONLY, and DATA_LOSS with STORE_CORRUPT. Thread: main. */
JG_MUST_CHECK struct jg_status jg_store_open(const struct jg_store_options *options, struct jg_arena *arena,
                                             struct jg_store **ret_store);
/* Stops the threads after what is queued is done, and closes. No call may be open or come later. */
void jg_store_close(struct jg_store *store);

/* The tenant's number; makes it (with epoch and seeded job statuses) if it is new and `create`. Names of tenants are domains:
 * their case does not count (contract section 2.5). NOT_FOUND; INVALID_ARGUMENT: 1 to 255 bytes of UTF-8. Thread: any that may
 * block. */
JG_MUST_CHECK struct jg_status jg_store_tenant(struct jg_store *store, struct jg_str name, bool create,
                                               struct jg_arena *arena, int64_t *ret_tenant);

/* The tenant whose name comes after `after` (by bytes; empty: the first one). NOT_FOUND at the end. The name lives in the arena.
 * Thread: any that may block. */
JG_MUST_CHECK struct jg_status jg_store_tenant_next(struct jg_store *store, struct jg_str after, struct jg_arena *arena,
                                                    struct jg_str *ret_name, int64_t *ret_tenant);

/* Called on the writer thread after each commit that made revisions; must not block. One listener, set before the first
 * write. A lost hint costs milliseconds, never correctness. */
typedef void (*jg_store_committed)(int64_t tenant, int64_t revision, void *data);
void jg_store_listen(struct jg_store *store, jg_store_committed committed, void *data);

/* One write. The struct is the caller's and stays put until done was called. */
struct jg_store_write {
  struct jg_queue_node node; /* the store's */
  int64_t tenant;
  int64_t deadline_ns; /* monotonic; 0: none */
  /* On the writer thread. May run again (R3), so it sets its outputs anew. An error undoes its part, and no other's. */
  struct jg_status (*run)(struct jg_txn *txn, void *data);
  /* On a thread of the store's, one at a time and in the order of the commits, after the commit is durable (or failed); must not
   * block. Later writes may run meanwhile, but of a batch in which one failed all are told before the next runs. The status'
   * texts live where run put them or are static. */
  void (*done)(struct jg_status status, void *data);
  void *data;
};
/* Queues it. UNAVAILABLE/OVERLOADED when the queue is full (done is then never called). Thread: any. */
JG_MUST_CHECK struct jg_status jg_store_submit(struct jg_store *store, struct jg_store_write *write);

/* One read on a reader thread, in a snapshot. */
struct jg_store_read {
  struct jg_queue_node node; /* the store's */
  int64_t tenant;
  int64_t deadline_ns; /* monotonic; 0: none */
  /* On a reader thread; called exactly once. txn is NULL if `begun` is an error (deadline, store failure). */
  void (*run)(struct jg_txn *txn, struct jg_status begun, void *data);
  void *data;
  /* Goes to a reader that takes no others, so that no list stands before it: for reads that are few and short, which everybody
   * waits for (the hub's tail of the log). */
  bool urgent;
};
/* Queues it. UNAVAILABLE/OVERLOADED when the queue is full (run is then never called). Thread: any. */
JG_MUST_CHECK struct jg_status jg_store_submit_read(struct jg_store *store, struct jg_store_read *read);

/* One indexed point read on the calling thread's own connection, at once: no busy wait, no scan. UNAVAILABLE if the record
 * cannot answer at once (then submit it). Else run's own status. Thread: any; connections are kept per thread. */
JG_MUST_CHECK struct jg_status jg_store_read_inline(struct jg_store *store, int64_t tenant,
                                                    struct jg_status (*run)(struct jg_txn *txn, void *data),
                                                    void *data);

/* True if it is certain that neither the job nor any embedded entity of the tenant has changed since that revision (of a
 * jg_tenant_state read in the same transaction as the job). Costs two loads. Always false where another process may write the
 * record. Thread: any. */
bool jg_store_unchanged(const struct jg_store *store, int64_t tenant, struct jg_uuid id, int64_t revision);

/* ---- reading in a transaction: one snapshot. Results live in the arena given ---- */

struct jg_tenant_state {
  struct jg_str epoch;     /* text of a UUID */
  int64_t revision;        /* newest; 0: nothing yet */
  int64_t entity_revision; /* newest revision that changed an embedded entity: heads are valid while it stands */
  int64_t oldest_revision; /* oldest kept in the log; 1 while nothing was trimmed; revision + 1 if nothing is kept */
  int64_t log_bytes;       /* of the records kept in the log, as jg_retention counts them */
  int64_t id2_last;
  /* Newest revision that is committed: in a write's run what is newer may still be undone, and its number given away again. */
  int64_t committed_revision;
  /* In a write's run: how often the writer has undone anything. While it stands no number was given away twice, and an equal
   * entity_revision means that no entity has changed. 0 in reads. */
  uint64_t undone;
};
JG_MUST_CHECK struct jg_status jg_txn_tenant_state(struct jg_txn *txn, struct jg_arena *arena,
                                                   struct jg_tenant_state *ret_state);

struct jg_job_row {
  int64_t rid; /* never reused */
  int64_t revision;
  struct jg_uuid id;
  int64_t modified_ticks;
  struct jg_str payload; /* jg_parts.payload of a Job */
};

/* NOT_FOUND. */
JG_MUST_CHECK struct jg_status jg_txn_job_get(struct jg_txn *txn, struct jg_uuid id, struct jg_arena *arena,
                                              struct jg_job_row *ret_row);
/* By reference_back_office (never empty). NOT_FOUND. */
JG_MUST_CHECK struct jg_status jg_txn_job_find(struct jg_txn *txn, struct jg_str reference, struct jg_arena *arena,
                                               struct jg_job_row *ret_row);
/* True if another job has this one as its _parent_id. */
JG_MUST_CHECK struct jg_status jg_txn_job_is_parent(struct jg_txn *txn, struct jg_uuid id, bool *ret_is_parent);

enum jg_job_order { JG_ORDER_ID, JG_ORDER_MODIFIED };

/* The value of one key of an order. */
struct jg_job_key {
  enum jg_filter_type type; /* the key's own, or JG_VALUE_NULL */
  int64_t integer;          /* BOOL, INTEGER, DATETIME, DATE, TIMEOFDAY */
  double decimal;
  struct jg_str string;
  struct jg_uuid uuid;
};

struct jg_job_query {
  enum jg_job_order order; /* ties of MODIFIED go by id, same direction */
  bool descending;
  bool has_after; /* start behind this key (keyset) */
  bool count;     /* fill jg_job_rows.total */
  struct jg_uuid after_id;
  int64_t after_modified_ticks;   /* JG_ORDER_MODIFIED */
  int64_t skip;                   /* rows to pass over first, >= 0 */
  int64_t limit;                  /* rows at most, > 0 */
  size_t bytes_max;               /* stop after the row that reaches this many payload bytes; at least one row comes */
  const struct jg_filter *filter; /* NULL: none; else of type BOOL (a NULL literal: no row) */
  /* 0: `order` and `descending`; else these keys instead, JG_FILTER_ORDER_MAX at most. Ties go by id in the direction of the
   * last key; keys behind the job's own id order nothing. */
  const struct jg_filter_order *orders;
  size_t order_count;
  /* has_after with orders: order_count values, jg_job_rows.keys of the row to start behind; with after_id. */
  const struct jg_job_key *after_keys;
};
struct jg_job_rows {
  struct jg_job_row *rows;
  size_t count;
  bool more;               /* rows are left beyond these */
  int64_t total;           /* `count`: all that match the filter, whatever skip, limit and after say */
  struct jg_job_key *keys; /* orders: of rows[i] from keys[i * order_count] on; their bytes count for bytes_max */
};
/* A page, in one snapshot. Besides the record's own: INVALID_ARGUMENT/LIMIT_EXCEEDED when a tree has more nodes than it may or
 * makes texts beyond a row's memory, INVALID_ARGUMENT/INVALID_TOKEN when after_keys are not of the orders' types. */
JG_MUST_CHECK struct jg_status jg_txn_job_list(struct jg_txn *txn, const struct jg_job_query *query,
                                               struct jg_arena *arena, struct jg_job_rows *ret_rows);

/* The tenant's jobs in the order of rid, part by part: rids are immutable and a new job's is greater than all before, so that
 * every job that stays is met exactly once, whatever is written between two parts. */
struct jg_job_scan {
  int64_t after_rid;              /* 0: from the first one */
  size_t limit;                   /* rows at most, > 0 */
  size_t bytes_max;               /* stop after the row that reaches this many payload bytes; at least one row comes */
  const struct jg_filter *filter; /* NULL: none; else of type BOOL */
};
struct jg_job_scanned {
  struct jg_job_row *rows; /* by rid */
  size_t count;
  /* Every matching job with a rid in (after_rid, through_rid] is in rows; after_rid if the tenant has none beyond it. */
  int64_t through_rid;
  bool more; /* jobs with a greater rid may be left, matching or not */
};
/* Jobs looked at in one scan, whether they match or not: through_rid moves on also where nothing matches. */
#define JG_JOB_SCAN_LOOKED_MAX 4096
/* Short work: JG_JOB_SCAN_LOOKED_MAX, limit or bytes_max end it. Statuses of jg_txn_job_list. */
JG_MUST_CHECK struct jg_status jg_txn_job_scan(struct jg_txn *txn, const struct jg_job_scan *scan,
                                               struct jg_arena *arena, struct jg_job_scanned *ret_scanned);

struct jg_entity_row {
  enum jg_kind kind;
  struct jg_uuid id;
  struct jg_str key;     /* lookup key, may be empty */
  int64_t revision;      /* of its own last change */
  int64_t tree_revision; /* C1: newest among itself and all it embeds */
  struct jg_str payload; /* jg_parts.payload of its kind */
};
/* NOT_FOUND. */
JG_MUST_CHECK struct jg_status jg_txn_entity_get(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id,
                                                 struct jg_arena *arena, struct jg_entity_row *ret_row);
/* By its lookup key (never empty). NOT_FOUND. Keys are unique per kind. */
JG_MUST_CHECK struct jg_status jg_txn_entity_find(struct jg_txn *txn, enum jg_kind kind, struct jg_str key,
                                                  struct jg_arena *arena, struct jg_entity_row *ret_row);
/* tree_revision alone, cheaper than the row. NOT_FOUND. */
JG_MUST_CHECK struct jg_status jg_txn_entity_head(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id,
                                                  int64_t *ret_tree_revision);

/* Of those of the kind that were put with is_default: the one of the smallest `sequence`, then id. NOT_FOUND. */
JG_MUST_CHECK struct jg_status jg_txn_entity_default(struct jg_txn *txn, enum jg_kind kind, struct jg_arena *arena,
                                                     struct jg_entity_row *ret_row);

struct jg_entity_query {
  enum jg_kind kind;
  bool has_after; /* start behind after_id */
  struct jg_uuid after_id;
  size_t limit;     /* rows at most, > 0 */
  size_t bytes_max; /* stop after the row that reaches this many payload bytes; at least one row comes */
};
struct jg_entity_rows {
  struct jg_entity_row *rows;
  size_t count;
  bool more;
};
/* Those of a kind, by id. */
JG_MUST_CHECK struct jg_status jg_txn_entity_list(struct jg_txn *txn, const struct jg_entity_query *query,
                                                  struct jg_arena *arena, struct jg_entity_rows *ret_rows);
/* True if another entity embeds it, a job names it in a column, or a planned visit is its user's. Goes through all jobs of the
 * tenant, which is for readers; with after_revision > 0 through those alone that were changed behind it, for a write whose caller
 * has looked at the others in a snapshot of that revision. */
JG_MUST_CHECK struct jg_status jg_txn_entity_is_referenced(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id,
                                                           int64_t after_revision, bool *ret_is_referenced);

/* A planned visit. It has no revision and is no part of the log. */
struct jg_planning_row {
  struct jg_uuid id, job_id, user_id;
  int64_t start_ticks, created_ticks, modified_ticks;
};
/* NOT_FOUND. */
JG_MUST_CHECK struct jg_status jg_txn_planning_get(struct jg_txn *txn, struct jg_uuid id,
                                                   struct jg_planning_row *ret_row);
struct jg_planning_query {
  bool of_job; /* those of job_id alone */
  bool has_after;
  struct jg_uuid job_id;
  struct jg_uuid after_id; /* start behind it */
  size_t limit;            /* rows at most, > 0 */
};
struct jg_planning_rows {
  struct jg_planning_row *rows;
  size_t count;
  bool more;
};
/* By id. */
JG_MUST_CHECK struct jg_status jg_txn_planning_list(struct jg_txn *txn, const struct jg_planning_query *query,
                                                    struct jg_arena *arena, struct jg_planning_rows *ret_rows);

/* The first answer to a request that carried an id. */
struct jg_kept_answer {
  uint8_t hash[16]; /* of the request */
  int64_t created_ticks;
  struct jg_str bytes;
};
/* NOT_FOUND. What is old is found too, until it was removed. */
JG_MUST_CHECK struct jg_status jg_txn_answer_get(struct jg_txn *txn, struct jg_uuid request_id, struct jg_arena *arena,
                                                 struct jg_kept_answer *ret_answer);

enum jg_change_kind { JG_CHANGE_CREATED = 1, JG_CHANGE_UPDATED = 2, JG_CHANGE_DELETED = 3 };

/* One record of the log. */
struct jg_change {
  int64_t revision;
  enum jg_kind kind; /* JG_KIND_JOB or an entity */
  enum jg_change_kind change;
  struct jg_uuid id;
  int64_t rid;           /* job: its rid; else 0 */
  bool last;             /* last change of its request */
  int64_t commit_ticks;  /* R9 */
  uint64_t changed;      /* bit i: member i changed; 0 unless UPDATED */
  struct jg_str payload; /* after the change; empty when DELETED */
  struct jg_str old;     /* before image: payload of the old values of the changed members, empty when CREATED */
  struct jg_str trace;   /* writer's traceparent or empty */
};
struct jg_changes {
  struct jg_change *items;
  size_t count;
  int64_t through_revision; /* everything up to here was read */
};
/* Changes with revision > after, whole requests only: stops at the end of the request that reaches count_max or bytes_max (so
 * one large request comes whole). Empty at the tip. OUT_OF_RANGE/HISTORY_LOST if after + 1 < oldest, or after > newest. */
JG_MUST_CHECK struct jg_status jg_txn_changes(struct jg_txn *txn, int64_t after_revision, size_t count_max,
                                              size_t bytes_max, struct jg_arena *arena, struct jg_changes *ret_changes);

/* The newest revision that ends a request and lies before all changes of that time or later: who reads on behind it misses none
 * of these. 0 (the log's beginning) if no change is older. The log is searched by halves: commit_ticks ascend with revisions, as
 * stamps do. OUT_OF_RANGE/HISTORY_LOST (with the range kept) if changes of that time or later were trimmed. */
JG_MUST_CHECK struct jg_status jg_txn_revision_before(struct jg_txn *txn, int64_t ticks, struct jg_arena *arena,
                                                      int64_t *ret_revision);

/* What a record of the log takes besides its texts, about. */
#define JG_CHANGE_BYTES 100

/* How much of the log is kept. Both hold: a record goes as soon as one of them says so. */
struct jg_retention {
  int64_t age_ms; /* records older than this go; 0: no limit */
  /* The oldest go until no more is kept than this: payloads, before images, and JG_CHANGE_BYTES a record. 0: no limit. */
  int64_t bytes_max;
};
/* Records whose sizes are added up in one call of jg_txn_log_excess. */
#define JG_LOG_EXCESS_LOOKED_MAX 4096
/* The newest revision that the retention lets go, the end of a request; oldest_revision - 1 if none. A short read: of a log that
 * is too large by more than JG_LOG_EXCESS_LOOKED_MAX records it tells a first part, and the next once that is trimmed. */
JG_MUST_CHECK struct jg_status jg_txn_log_excess(struct jg_txn *txn, const struct jg_retention *retention,
                                                 int64_t now_ticks, int64_t *ret_through_revision);

/* ---- users: who may call. They are no part of the log and have no revisions ---- */

struct jg_user_row {
  struct jg_str name;     /* unique in its tenant, compared by bytes */
  struct jg_str password; /* its hash, as crypt(5) spells it */
  int64_t created_ticks;
};
struct jg_user_rows {
  struct jg_user_row *rows;
  size_t count;
};
/* NOT_FOUND. */
JG_MUST_CHECK struct jg_status jg_txn_user_get(struct jg_txn *txn, struct jg_str name, struct jg_arena *arena,
                                               struct jg_user_row *ret_row);
/* By name, from behind `after` on (empty: from the first one), count_max at most (> 0); an empty list is the end. */
JG_MUST_CHECK struct jg_status jg_txn_user_list(struct jg_txn *txn, struct jg_str after, size_t count_max,
                                                struct jg_arena *arena, struct jg_user_rows *ret_rows);
/* In a write's run. ALREADY_EXISTS unless `replace`, which keeps created_ticks. */
JG_MUST_CHECK struct jg_status jg_txn_user_put(struct jg_txn *txn, const struct jg_user_row *row, bool replace);
/* In a write's run. NOT_FOUND. */
JG_MUST_CHECK struct jg_status jg_txn_user_remove(struct jg_txn *txn, struct jg_str name);

/* ---- writing, in a write's run only ---- */

/* The time of this write, made by R9. job_modified_ticks: of the job that is changed (JG_TICKS_UNSET: a new one or none);
 * its part does not raise the tenant's last stamp. */
int64_t jg_txn_stamp(struct jg_txn *txn, int64_t job_modified_ticks);
/* The tenant's next id2; persisted with the transaction. */
JG_MUST_CHECK struct jg_status jg_txn_id2_next(struct jg_txn *txn, int32_t *ret_id2);
/* Raises the counter to at least id2 (imports). */
JG_MUST_CHECK struct jg_status jg_txn_id2_raise(struct jg_txn *txn, int32_t id2);
/* Adopts the writer's trace for the log records of this write; traceparent text or empty. Borrows until run returns. */
void jg_txn_set_trace(struct jg_txn *txn, struct jg_str traceparent);

struct jg_job_put {
  int64_t rid; /* of the row that is replaced; 0: a new job */
  struct jg_uuid id;
  struct jg_str payload;  /* filter columns are taken from it */
  uint64_t changed;       /* UPDATED: bits of the members that changed */
  struct jg_str old;      /* UPDATED: payload of their old values */
  int64_t commit_ticks;   /* from jg_txn_stamp */
  int64_t modified_ticks; /* modified_dateutc of the payload */
};
/* Writes row and log record (R2) under the next revision. ALREADY_EXISTS with DUPLICATE_ID or DUPLICATE_REFERENCE. */
JG_MUST_CHECK struct jg_status jg_txn_job_put(struct jg_txn *txn, const struct jg_job_put *put, struct jg_arena *arena,
                                              int64_t *ret_revision);
/* Removes the row and its plannings, leaves a tombstone in the log whose old image is the row's payload. */
JG_MUST_CHECK struct jg_status jg_txn_job_delete(struct jg_txn *txn, const struct jg_job_row *row, int64_t commit_ticks,
                                                 int64_t *ret_revision);

struct jg_entity_ref {
  enum jg_kind kind;
  struct jg_uuid id;
};
struct jg_entity_put {
  bool create;
  enum jg_kind kind;
  struct jg_uuid id;
  struct jg_str key;
  struct jg_str payload;
  bool is_default;                    /* jg_txn_entity_default finds it */
  uint64_t changed;                   /* as in jg_job_put */
  struct jg_str old;                  /* as in jg_job_put */
  int64_t commit_ticks;               /* from jg_txn_stamp */
  const struct jg_entity_ref *embeds; /* what it embeds directly: the edges by which tree_revision is raised */
  size_t embed_count;
};
/* Writes the entity under the next revision, raises tree_revision of it and of everything that embeds it, directly or not, and
 * the tenant's entity_revision. ALREADY_EXISTS/DUPLICATE_REFERENCE when another entity of its kind has that key. */
JG_MUST_CHECK struct jg_status jg_txn_entity_put(struct jg_txn *txn, const struct jg_entity_put *put,
                                                 struct jg_arena *arena, int64_t *ret_revision);

/* Removes the entity and the edges to what it embeds, leaves a tombstone in the log whose old image is the row's payload, and
 * raises the tenant's entity_revision, and tree_revision of what embeds it still. Whether it may go is the caller's to know. NOT_FOUND. */
JG_MUST_CHECK struct jg_status jg_txn_entity_delete(struct jg_txn *txn, const struct jg_entity_row *row,
                                                    int64_t commit_ticks, int64_t *ret_revision);

/* Adds the visit, unless there is one of that job, user and start. ALREADY_EXISTS is not a status of it: *ret_added tells. */
JG_MUST_CHECK struct jg_status jg_txn_planning_add(struct jg_txn *txn, const struct jg_planning_row *row,
                                                   bool *ret_added);
/* Keeps the answer, in the place of an older one, and removes a few of those made at or before expired_ticks, which is before
 * the answer's created_ticks. */
JG_MUST_CHECK struct jg_status jg_txn_answer_put(struct jg_txn *txn, struct jg_uuid request_id,
                                                 const struct jg_kept_answer *answer, int64_t expired_ticks);

/* Drops the oldest records of the log, those of whole requests alone and none above through_revision: count_max (> 0) records at
 * most, but at least one request, if there is a whole one. *ret_oldest_revision: oldest_revision from now on; call again in
 * another write while that is at most through_revision and still moves. What the deleted take in the file is used again. */
JG_MUST_CHECK struct jg_status jg_txn_log_trim(struct jg_txn *txn, int64_t through_revision, size_t count_max,
                                               int64_t *ret_oldest_revision);

/* ---- copies of the whole record ---- */

struct jg_store_copy {
  struct jg_str url;            /* of the store */
  struct jg_str path;           /* of the copy, a file */
  bool replace;                 /* what is copied to may exist, and is replaced */
  const struct jg_clock *clock; /* borrows during the call */
  /* Called now and then. NULL allowed. */
  void (*progress)(int64_t done_bytes, int64_t total_bytes, void *data);
  void *data;
};
struct jg_store_copied {
  int64_t bytes;
  int64_t tenants, jobs;
};
/* Copies the record of one moment to the file, beside a server that goes on writing. The file is there whole and durable, or not
 * at all: it is written under another name (PATH.partial) first. Its epochs are new ones (R5), so that a copy that is served as it
 * is takes no token either. ALREADY_EXISTS unless `replace`; refusals of jg_store_open for the store; DATA_LOSS/STORE_CORRUPT when
 * one of its pages is damaged; UNAVAILABLE when the file cannot be written. Thread: main; it blocks. */
JG_MUST_CHECK struct jg_status jg_store_backup(const struct jg_store_copy *copy, struct jg_arena *arena,
                                               struct jg_store_copied *ret_copied);
/* Makes the store from the file, after the whole file was checked, under new epochs (R5). Needs the store alone: STORE_LOCKED
 * else. ALREADY_EXISTS unless `replace`; refusals of jg_store_open, for the file and for the store (a store that is damaged may be
 * replaced, another program's file may not). Until the last step nothing of an old store is touched. Thread: main; it blocks. */
JG_MUST_CHECK struct jg_status jg_store_restore(const struct jg_store_copy *copy, struct jg_arena *arena,
                                                struct jg_store_copied *ret_copied);

/* ---- looking at the whole record ---- */

struct jg_store_report {
  int64_t schema_version;
  int64_t tenants, jobs, entities, changes;
};
/* Reads every page of the record, in one snapshot, beside a server too; changes nothing. Refusals of jg_store_open; DATA_LOSS with
 * STORE_CORRUPT: a page or an index is damaged, or a log is not dense (R1). Thread: main; it blocks. */
JG_MUST_CHECK struct jg_status jg_store_check(struct jg_str url, const struct jg_clock *clock, struct jg_arena *arena,
                                              struct jg_store_report *ret_report);

#endif
