/* One job into the record, inside a write's run: merge, resolution of what it embeds, copies, what the server manages, the
 * rules of status and address, the row and its log record. The one way by which jobs are written; imports too.
 * Thread: store (the writer). */
#ifndef JG_SERVICES_JOBS_APPLY_H
#define JG_SERVICES_JOBS_APPLY_H

#include "base/arena.h"
#include "base/clock.h"
#include "proto/schema/schema.h"
#include "storage/store.h"

/* Jobs above a job. A strict write that would put it below more is refused, which also bounds the search for cycles. */
#define JG_JOB_ANCESTORS_MAX 100

struct jg_entities_memo;
struct jg_virtual_statuses;

enum jg_job_mode {
  JG_JOB_CREATE, /* strict; a new job */
  JG_JOB_UPDATE, /* strict; changes the members named, always makes a revision (statement 87) */
  /* Strict; a Completed job gets a virtual status (statement 82). The job holds id, job_status_id and job_status_code alone. */
  JG_JOB_CHANGE_STATUS,
  JG_JOB_IMPORT /* upsert by id under I1 to I7 (services/import/import.h): the job becomes what was given */
};

enum jg_job_outcome { JG_JOB_CREATED, JG_JOB_UPDATED, JG_JOB_UNCHANGED };

struct jg_job_apply {
  struct jg_txn *txn;
  const struct jg_clock *clock;
  struct jg_arena *arena; /* holds the results and statuses */
  enum jg_job_mode mode;
  /* A jobgate.v1.Job, canonical (jg_message_canonicalize). Not changed, so that a second run starts from the same. */
  const ProtobufCMessage *job;
  /* Bit i: member i was given. UPDATE: these change, to the default too. IMPORT: what the server manages is kept as given if it
   * was given. CREATE: not read. */
  uint64_t present;
  const struct jg_job_row *existing; /* UPDATE, CHANGE_STATUS: the job's row, read in this run; else not read */
  const struct jg_virtual_statuses *virtual_statuses; /* NULL: none */
  const char *path_prefix;                            /* of members named in a status: "" or "job" */
  bool proto_names; /* paths as gRPC names them ("parent_id"), else as the legacy JSON does */
  /* IMPORT: called for each warning; NULL allowed. */
  void (*warn)(const char *field, const char *message, void *data);
  void *data;
  struct jg_entities_memo *memo; /* IMPORT: of this import; NULL allowed */
};

struct jg_job_applied {
  struct jg_job_row row; /* as it is now; rid is 0 for a new one */
  enum jg_job_outcome outcome;
  unsigned warnings;
  unsigned entities_written;
};

/* INVALID_ARGUMENT naming each member (56, 58, 59, 83), FAILED_PRECONDITION/UNRESOLVED_REFERENCE (72),
 * FAILED_PRECONDITION/ILLEGAL_TRANSITION (80) or NOT_COMPLETED (82) or PARENT_CYCLE, ALREADY_EXISTS/DUPLICATE_ID or DUPLICATE_REFERENCE (55),
 * RESOURCE_EXHAUSTED at the arena's cap, the record's own. After an error the write must fail: parts may be done. */
JG_MUST_CHECK struct jg_status jg_job_apply(const struct jg_job_apply *apply, struct jg_job_applied *ret_applied);

/* The _parent_id of a Job's payload; zero: none. Thread: any. */
struct jg_uuid jg_job_parent_of(struct jg_str payload);

#endif
