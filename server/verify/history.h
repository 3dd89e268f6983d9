/* What one run of the stream checker wrote and saw, in one tenant: the input of the verdict (check.h), free of any transport so
 * that tests can plant faults. Thread: each watcher's events and each writer's writes belong to its own thread while it runs. */
#ifndef JG_SERVER_VERIFY_HISTORY_H
#define JG_SERVER_VERIFY_HISTORY_H

#include <stdint.h>

#include "base/buf.h"

/* A job that this run did not make. */
#define JG_VERIFY_FOREIGN UINT32_MAX

enum jg_verify_event_type {
  JG_VERIFY_OPENED,   /* a connection; `start` tells with what */
  JG_VERIFY_RESET,    /* a snapshot follows */
  JG_VERIFY_JOB,      /* a job of a snapshot */
  JG_VERIFY_SYNCED,   /* the snapshot is complete */
  JG_VERIFY_CHANGE,   /* one change */
  JG_VERIFY_BOOKMARK, /* also a drain message: its token stands at `revision` */
};

enum jg_verify_start { JG_VERIFY_NOW, JG_VERIFY_TOKEN, JG_VERIFY_SNAPSHOT, JG_VERIFY_SINCE };

/* As the API numbers them (ChangeKind). */
enum jg_verify_kind {
  JG_VERIFY_CREATED = 1,
  JG_VERIFY_UPDATED = 2,
  JG_VERIFY_DELETED = 3,
  JG_VERIFY_ENTERED = 4,
  JG_VERIFY_LEFT = 5,
};

/* A plain value: millions of them are kept. */
struct jg_verify_event {
  int64_t revision;
  int64_t ticks;    /* CHANGE: its commit time; OPENED with SINCE: the time asked for */
  uint64_t version; /* which write the job's content is of, from 1; 0: deleted, foreign */
  uint32_t job;     /* index of the run's job, or JG_VERIFY_FOREIGN */
  uint8_t type;     /* enum jg_verify_event_type */
  uint8_t kind;     /* enum jg_verify_kind; OPENED: enum jg_verify_start */
  bool last;        /* transaction_last */
  bool token;       /* last change of a message that has a token */
  bool entity;      /* a change of an embedded entity */
  bool stranger;    /* a job of this run's other tenant: it must never come */
};

/* Which changes a watcher asked for. */
struct jg_verify_view {
  bool filtered; /* the run's own jobs of groups low to high alone */
  int32_t low, high;
  bool entities; /* entity_changes */
};

struct jg_verify_watcher {
  struct jg_verify_view view;
  struct jg_buf events; /* of struct jg_verify_event */
};

enum jg_verify_outcome { JG_VERIFY_UNKNOWN, JG_VERIFY_DONE };

/* One write of the run; its version is its place in the list, from 1. */
struct jg_verify_write {
  int64_t revision; /* DONE: as the answer tells it; 0: the answer does not (a deletion) */
  uint32_t job;
  int32_t group;
  bool deletes;
  bool repeated; /* sent again after its answer was lost: it may have been done twice */
  uint8_t outcome;
};

struct jg_verify_history {
  const struct jg_verify_watcher *watchers;
  size_t watcher_count;
  const struct jg_verify_write *writes; /* version - 1 */
  size_t write_count;
  uint32_t job_count;
  int64_t final_revision; /* every watcher had to get so far */
};

/* Is the watcher behind its snapshot, after an event and if it was so before? While a snapshot goes on, changes of jobs that
 * come with a later page are left out. */
static inline bool jg_verify_is_live(const struct jg_verify_event *event, bool before) {
  switch (event->type) {
    case JG_VERIFY_OPENED:
      return event->kind == JG_VERIFY_TOKEN ? before : event->kind != JG_VERIFY_SNAPSHOT;
    case JG_VERIFY_RESET:
      return false;
    case JG_VERIFY_SYNCED:
      return true;
    default:
      return before;
  }
}

static inline void jg_verify_record(struct jg_verify_watcher *watcher, const struct jg_verify_event *event) {
  jg_buf_append(&watcher->events, event, sizeof(*event));
}
static inline size_t jg_verify_event_count(const struct jg_verify_watcher *watcher) {
  return watcher->events.len / sizeof(struct jg_verify_event);
}
static inline const struct jg_verify_event *jg_verify_events(const struct jg_verify_watcher *watcher) {
  return (const struct jg_verify_event *)(const void *)watcher->events.data;
}

#endif
