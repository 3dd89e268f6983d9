/* For the tests of this folder alone: a record in a folder of its own, and questions to it. Thread: main. */
#ifndef JG_SERVICES_IMPORT_IMPORT_FIXTURE_H
#define JG_SERVICES_IMPORT_IMPORT_FIXTURE_H

#include "services/import/import.h"

struct import_fixture {
  struct jg_arena arena;
  struct jg_clock_manual clock;
  struct jg_app app;
  int64_t tenant;
  char folder[512];
  /* What imports reported, a line each: "[warning ]number@line field: message\n". */
  struct jg_buf log;
};

void import_fixture_init(struct import_fixture *fixture);
void import_fixture_done(struct import_fixture *fixture);

/* jg_import_options.problem into the log; data: the fixture. */
void import_fixture_problem(const struct jg_import_problem *problem, void *data);
/* The log as a C string; it starts anew. Borrowed until the fixture is done. */
const char *import_fixture_take_log(struct import_fixture *fixture);

struct jg_tenant_state import_fixture_state(struct import_fixture *fixture);
/* All jobs, by id (at most 100,000). */
struct jg_job_rows import_fixture_jobs(struct import_fixture *fixture);
/* False if there is none. */
bool import_fixture_entity(struct import_fixture *fixture, enum jg_kind kind, struct jg_str key,
                           struct jg_entity_row *ret_row);

/* A file that the test depends on, whole. */
struct jg_str import_fixture_file(struct import_fixture *fixture, const char *path);

/* Appends a job of that number with members beside id and name, as in "\"id2\":7", or "". */
void import_fixture_job(struct jg_buf *out, unsigned number, const char *members);

#endif
