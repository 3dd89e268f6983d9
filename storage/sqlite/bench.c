/* How fast durable writes and reads are, in one table. Rows of one run compare; rows of two runs on a shared machine do not.
 *   bench [writes a row] [bytes of a payload]
 * The baseline is the same code with one write a transaction. TMPDIR names the disk. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "storage/sqlite/filter_fixture.h"
#include "storage/sqlite/sqlite_internal.h"
#include "storage/store_fixture.h"

#define WRITES_DEFAULT 20000
#define BYTES_DEFAULT 1600
#define SUBMITTERS_MAX 256
#define POINT_READS 200000
#define PAGES 3000
#define NS_PER_SECOND 1e9

static struct jg_fixture fixture;

struct submitter {
  pthread_t thread;
  uint64_t first, count;
  size_t bytes;
  bool update;
  int64_t *latencies_ns;
};

struct writing {
  struct jg_arena arena;
  uint64_t id;
  size_t bytes;
};

static struct jg_status run_create(struct jg_txn *txn, void *data) {
  struct writing *writing = data;
  jg_arena_reset(&writing->arena);
  int64_t revision;
  struct jg_fixture_job job = {.id = writing->id, .name = "bench", .bulk = writing->bytes};
  return jg_fixture_create(txn, &writing->arena, &job, &revision);
}

static struct jg_status run_update(struct jg_txn *txn, void *data) {
  struct writing *writing = data;
  jg_arena_reset(&writing->arena);
  struct jg_job_row row;
  JG_RETURN_IF_ERROR(jg_txn_job_get(txn, jg_fixture_id(writing->id), &writing->arena, &row));
  int64_t stamp = jg_txn_stamp(txn, row.modified_ticks), revision;
  struct jg_fixture_job job = {.id = writing->id, .name = "bench2", .bulk = writing->bytes, .modified_ticks = stamp};
  struct jg_job_put put = {.rid = row.rid,
                           .id = row.id,
                           .payload = jg_fixture_payload(&writing->arena, &job),
                           .changed = 1,
                           .old = JG_STR("an old value"),
                           .commit_ticks = stamp,
                           .modified_ticks = stamp};
  return jg_txn_job_put(txn, &put, &writing->arena, &revision);
}

/* Random ids, as clients bring them; a permutation, so that none comes twice. */
static uint64_t scatter(uint64_t n) {
  n *= UINT64_C(0x9e3779b97f4a7c15);
  n ^= n >> 29;
  return n * UINT64_C(0xbf58476d1ce4e5b9);
}

static void *submitter_main(void *data) {
  struct submitter *self = data;
  struct writing writing = {.bytes = self->bytes};
  jg_arena_init(&writing.arena, 1 << 24);
  for (uint64_t i = 0; i < self->count; i++) {
    writing.id = scatter(self->first + i);
    int64_t begun_ns = jg_clock_mono_ns(jg_clock_system());
    struct jg_status status =
        jg_fixture_write(&fixture, fixture.tenant, self->update ? run_update : run_create, &writing);
    JG_ASSERT(jg_status_ok(status));
    self->latencies_ns[i] = jg_clock_mono_ns(jg_clock_system()) - begun_ns;
  }
  jg_arena_done(&writing.arena);
  return NULL;
}

/* What noise on the machine does not touch: bytes handed to write(2) by this process, and its processor time. */
struct costs {
  int64_t written_bytes, cpu_us;
};

static struct costs costs_now(void) {
  struct costs costs = {0};
  FILE *file = fopen("/proc/self/io", "r");
  char line[128];
  while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
    struct jg_str value, name = jg_str_cut(jg_str_from_cstr(line), ':', &value);
    if (jg_str_equal(name, JG_STR("wchar"))) {
      value = jg_str_trim(jg_str_cut(value, '\n', &value));
      JG_ASSERT(jg_parse_i64(value, &costs.written_bytes));
    }
  }
  if (file != NULL) {
    (void)fclose(file);  // was only read
  }
  struct rusage usage;
  JG_ASSERT(getrusage(RUSAGE_SELF, &usage) == 0);
  costs.cpu_us =
      (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  return costs;
}

static int compare(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static double at(const int64_t *latencies_ns, size_t index) {
  return (double)latencies_ns[index] / 1e6;
}

static double run_row(const char *what, uint64_t submitters, uint64_t writes, size_t bytes, bool update) {
  static struct submitter all[SUBMITTERS_MAX];
  uint64_t each = writes / submitters;
  int64_t *latencies_ns = jg_alloc(submitters * each * sizeof(*latencies_ns));
  struct costs before = costs_now();
  int64_t begun_ns = jg_clock_mono_ns(jg_clock_system());
  for (uint64_t i = 0; i < submitters; i++) {
    all[i] = (struct submitter){
        .first = i * each, .count = each, .bytes = bytes, .update = update, .latencies_ns = latencies_ns + i * each};
    JG_ASSERT(pthread_create(&all[i].thread, NULL, submitter_main, &all[i]) == 0);
  }
  for (uint64_t i = 0; i < submitters; i++) {
    JG_ASSERT(pthread_join(all[i].thread, NULL) == 0);
  }
  double seconds = (double)(jg_clock_mono_ns(jg_clock_system()) - begun_ns) / NS_PER_SECOND;
  struct costs after = costs_now();
  size_t count = submitters * each;
  qsort(latencies_ns, count, sizeof(*latencies_ns), compare);
  double rate = (double)count / seconds;
  printf("%-26s %4lu submitters %7.0f/s  p50 %7.3f  p99 %7.3f  max %6.1f ms  %5.1f us cpu  %5.1f KB written\n", what,
         (unsigned long)submitters, rate, at(latencies_ns, count / 2), at(latencies_ns, count / 100 * 99),
         at(latencies_ns, count - 1), (double)(after.cpu_us - before.cpu_us) / (double)count,
         (double)(after.written_bytes - before.written_bytes) / 1024 / (double)count);
  jg_free(latencies_ns);
  return rate;
}

static double run_store(const char *what, size_t batch_max, uint64_t submitters, uint64_t writes, size_t bytes) {
  jg_fixture_init(&fixture);
  fixture.options.clock = jg_clock_system();
  jg_fixture_open(&fixture);
  jg_sqlite_writer_set_batch_max(((struct jg_sqlite_store *)fixture.store)->writer, batch_max);
  double rate = run_row(what, submitters, writes, bytes, false);
  if (batch_max > 1) {
    (void)run_row("  then updates of them", submitters, writes, bytes, true);
  }
  jg_fixture_done(&fixture);
  return rate;
}

/* ---- reads ---- */

struct reading {
  struct jg_arena arena;
  uint64_t id;
  struct jg_job_query query;
  struct jg_job_rows rows;
};

static struct jg_status run_get(struct jg_txn *txn, void *data) {
  struct reading *reading = data;
  struct jg_job_row row;
  return jg_txn_job_get(txn, jg_fixture_id(reading->id), &reading->arena, &row);
}

static struct jg_status run_page(struct jg_txn *txn, void *data) {
  struct reading *reading = data;
  return jg_txn_job_list(txn, &reading->query, &reading->arena, &reading->rows);
}

#define SCANS 5

/* Filters that no job matches, and that no index serves: every job is looked at. */
static void run_scans(struct reading *reading, uint64_t jobs) {
  struct jg_arena trees;
  jg_arena_init(&trees, 1 << 20);
  struct jg_filter *text = jg_filter_text(&trees, "no job has this");
  struct jg_filter *name = jg_filter_member(&trees, "name");
  struct jg_filter *upper = jg_filter_node(&trees, JG_FILTER_TOUPPER, JG_VALUE_STRING, name, NULL, NULL);
  struct jg_filter *project = jg_filter_member(&trees, "project/name");
  struct jg_filter *description = jg_filter_member(&trees, "description");
  const struct {
    const char *what;
    enum jg_filter_kind kind;
    const struct jg_filter *left;
  } rows[] = {{"scan: name eq", JG_FILTER_EQ, name},
              {"scan: toupper(name) eq", JG_FILTER_EQ, upper},
              {"scan: project/name eq", JG_FILTER_EQ, project},
              {"scan: contains(description)", JG_FILTER_CONTAINS, description}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    reading->query =
        (struct jg_job_query){.limit = 100,
                              .bytes_max = SIZE_MAX,
                              .filter = jg_filter_node(&trees, rows[i].kind, JG_VALUE_BOOL, rows[i].left, text, NULL)};
    int64_t begun_ns = jg_clock_mono_ns(jg_clock_system());
    for (int n = 0; n < SCANS; n++) {
      JG_ASSERT(jg_status_ok(jg_fixture_read(&fixture, fixture.tenant, run_page, reading)));
      JG_ASSERT(reading->rows.count == 0);
      jg_arena_reset(&reading->arena);
    }
    double seconds = (double)(jg_clock_mono_ns(jg_clock_system()) - begun_ns) / NS_PER_SECOND;
    printf("%-34s %9.0f jobs/s\n", rows[i].what, (double)(jobs * SCANS) / seconds);
  }
  jg_arena_done(&trees);
}

/* Pages of 100 by modified_dateutc, from a moment on, as a client that synchronises asks for them. */
static void run_filtered_pages(struct reading *reading) {
  struct jg_arena trees;
  jg_arena_init(&trees, 1 << 20);
  reading->query = (struct jg_job_query){
      .order = JG_ORDER_MODIFIED,
      .limit = 100,
      .bytes_max = SIZE_MAX,
      .filter = jg_filter_node(&trees, JG_FILTER_GT, JG_VALUE_BOOL, jg_filter_member(&trees, "modified_dateutc"),
                               jg_filter_integer(&trees, JG_VALUE_DATETIME, JG_TICKS_UNSET), NULL)};
  int64_t begun_ns = jg_clock_mono_ns(jg_clock_system());
  for (int i = 0; i < PAGES; i++) {
    JG_ASSERT(jg_status_ok(jg_fixture_read(&fixture, fixture.tenant, run_page, reading)));
    const struct jg_job_row *last = &reading->rows.rows[reading->rows.count - 1];
    reading->query.has_after = reading->rows.more;
    reading->query.after_id = last->id;
    reading->query.after_modified_ticks = last->modified_ticks;
    jg_arena_reset(&reading->arena);
  }
  double seconds = (double)(jg_clock_mono_ns(jg_clock_system()) - begun_ns) / NS_PER_SECOND;
  printf("%-34s %9.0f pages/s\n", "  of those since a moment (filter)", PAGES / seconds);
  jg_arena_done(&trees);
}

/* ---- the log's ends ---- */

struct part {
  struct jg_arena *arena;
  struct jg_job_scan scan;
  struct jg_job_scanned scanned;
  struct jg_retention retention;
  int64_t ticks, revision;
  size_t count_max;
};

static struct jg_status run_part(struct jg_txn *txn, void *data) {
  struct part *part = data;
  return jg_txn_job_scan(txn, &part->scan, part->arena, &part->scanned);
}

static struct jg_status run_before(struct jg_txn *txn, void *data) {
  struct part *part = data;
  return jg_txn_revision_before(txn, part->ticks, part->arena, &part->revision);
}

static struct jg_status run_excess(struct jg_txn *txn, void *data) {
  struct part *part = data;
  return jg_txn_log_excess(txn, &part->retention, part->ticks, &part->revision);
}

static struct jg_status run_trim(struct jg_txn *txn, void *data) {
  struct part *part = data;
  int64_t oldest;
  return jg_txn_log_trim(txn, part->revision, part->count_max, &oldest);
}

/* Milliseconds of one call, as its caller waits. */
static double timed(struct part *part, jg_fixture_run run, bool writes) {
  int64_t begun_ns = jg_clock_mono_ns(jg_clock_system());
  JG_ASSERT(jg_status_ok(writes ? jg_fixture_write(&fixture, fixture.tenant, run, part)
                                : jg_fixture_read(&fixture, fixture.tenant, run, part)));
  return (double)(jg_clock_mono_ns(jg_clock_system()) - begun_ns) / 1e6;
}

static void run_parts(const char *what, struct part *part) {
  double longest = 0, sum = 0;
  part->scan.after_rid = 0;
  int64_t parts = 0;
  do {
    double ms = timed(part, run_part, false);
    longest = ms > longest ? ms : longest;
    sum += ms;
    parts++;
    part->scan.after_rid = part->scanned.through_rid;
    jg_arena_reset(part->arena);
  } while (part->scanned.more);
  printf("%-34s %9ld parts  %.2f ms each, longest %.2f ms\n", what, (long)parts, sum / (double)parts, longest);
}

static void run_log(uint64_t jobs) {
  struct jg_arena arena, trees;
  jg_arena_init(&arena, 1 << 24);
  jg_arena_init(&trees, 1 << 20);
  struct part part = {.arena = &arena, .scan = {.limit = 1000, .bytes_max = SIZE_MAX}, .ticks = INT64_MAX};
  run_parts("scan by rid, 1,000 a part", &part);
  part.scan.filter = jg_filter_node(&trees, JG_FILTER_CONTAINS, JG_VALUE_BOOL, jg_filter_member(&trees, "description"),
                                    jg_filter_text(&trees, "no job has this"), NULL);
  run_parts("  with a filter, nothing found", &part);
  printf("%-34s %9.3f ms\n", "revision before a time", timed(&part, run_before, false));
  part.retention.bytes_max = 1;
  printf("%-34s %9.3f ms\n", "excess by size", timed(&part, run_excess, false));
  part.revision = (int64_t)jobs;
  for (part.count_max = 64; part.count_max <= 1024; part.count_max *= 4) {
    double longest = 0, sum = 0;
    for (int i = 0; i < 10; i++) {
      double ms = timed(&part, run_trim, true);
      longest = ms > longest ? ms : longest;
      sum += ms;
    }
    printf("trim %4zu records a write %19.3f ms each, longest %.3f ms\n", part.count_max, sum / 10, longest);
  }
  jg_arena_done(&trees);
  jg_arena_done(&arena);
}

static void run_reads(uint64_t jobs, size_t bytes) {
  jg_fixture_init(&fixture);
  fixture.options.clock = jg_clock_system();
  jg_fixture_open(&fixture);
  (void)run_row("fill for the reads", 64, jobs, bytes, false);
  struct reading reading = {.id = 0};
  jg_arena_init(&reading.arena, 1 << 24);
  uint64_t made = jobs / 64 * 64;
  int64_t begun_ns = jg_clock_mono_ns(jg_clock_system());
  for (uint64_t i = 0; i < POINT_READS; i++) {
    reading.id = scatter(i * 7919 % made);
    JG_ASSERT(jg_status_ok(jg_store_read_inline(fixture.store, fixture.tenant, run_get, &reading)));
    jg_arena_reset(&reading.arena);
  }
  double seconds = (double)(jg_clock_mono_ns(jg_clock_system()) - begun_ns) / NS_PER_SECOND;
  printf("%-34s %9.0f/s  %.2f us each\n", "inline point reads, one thread", POINT_READS / seconds,
         seconds / POINT_READS * 1e6);
  for (int order = JG_ORDER_ID; order <= JG_ORDER_MODIFIED; order++) {
    reading.query = (struct jg_job_query){.order = order, .limit = 100, .bytes_max = SIZE_MAX};
    begun_ns = jg_clock_mono_ns(jg_clock_system());
    for (int i = 0; i < PAGES; i++) {
      JG_ASSERT(jg_status_ok(jg_fixture_read(&fixture, fixture.tenant, run_page, &reading)));
      const struct jg_job_row *last = &reading.rows.rows[reading.rows.count - 1];
      reading.query.has_after = reading.rows.more;
      reading.query.after_id = last->id;
      reading.query.after_modified_ticks = last->modified_ticks;
      jg_arena_reset(&reading.arena);
    }
    seconds = (double)(jg_clock_mono_ns(jg_clock_system()) - begun_ns) / NS_PER_SECOND;
    printf("%-34s %9.0f pages/s\n", order == JG_ORDER_ID ? "pages of 100 by id, one caller" : "by modified_dateutc",
           PAGES / seconds);
  }
  run_filtered_pages(&reading);
  run_scans(&reading, made);
  run_log(made);
  jg_arena_done(&reading.arena);
  jg_fixture_done(&fixture);
}

int main(int argc, char **argv) {
  int64_t writes = WRITES_DEFAULT, bytes = BYTES_DEFAULT;
  if ((argc > 1 && !jg_parse_i64(jg_str_from_cstr(argv[1]), &writes)) ||
      (argc > 2 && !jg_parse_i64(jg_str_from_cstr(argv[2]), &bytes)) || writes < 1000 || bytes < 1) {
    (void)fprintf(stderr, "usage: bench [writes a row, from 1000] [bytes of a payload]\n");
    return 2;
  }
  printf("durable creates, %ld a row, payload of %ld bytes, page %d, checkpoint at %d pages\n", (long)writes,
         (long)bytes, JG_SQLITE_PAGE_BYTES, JG_SQLITE_CHECKPOINT_PAGES);
  double alone = run_store("one transaction per write", 1, 1, (uint64_t)writes / 2, (size_t)bytes);
  double baseline = run_store("one transaction per write", 1, 64, (uint64_t)writes / 2, (size_t)bytes);
  (void)run_store("group commit", JG_LIMIT_WRITE_BATCH, 1, (uint64_t)writes / 2, (size_t)bytes);
  (void)run_store("group commit", JG_LIMIT_WRITE_BATCH, 8, (uint64_t)writes, (size_t)bytes);
  double grouped = run_store("group commit", JG_LIMIT_WRITE_BATCH, 64, (uint64_t)writes, (size_t)bytes);
  (void)run_store("group commit", JG_LIMIT_WRITE_BATCH, 256, (uint64_t)writes, (size_t)bytes);
  printf("64 submitters: %.1f x one transaction per write (%.1f x of one submitter's)\n", grouped / baseline,
         grouped / alone);
  run_reads((uint64_t)writes, (size_t)bytes);
  return 0;
}
