/* How many events the hub hands out, and how late, with a sink that does nothing but account for each message on a thread of
 * its own: what the transport costs comes on top.
 *   bench [streams] [commits a second, 0: as many as go] [seconds] [bytes of a description] [none|filed|asked]
 * filed: each stream has a filter of its own that takes one job, and that the index finds; asked: one that it cannot find.
 * TEST_TMPDIR names the disk. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "services/changes/fixture.h"

#define WRITERS 64
#define REVISIONS_MAX 4000000
#define SAMPLED_OF 16 /* every 16th stream measures */
#define NS_PER_SECOND INT64_C(1000000000)
/* Of the jobs that one writer writes in turn; its first one's number is a multiple of the stride, plus one. */
#define JOBS_OF_WRITER 1000u
#define WRITER_STRIDE 1000000u

struct stream {
  struct jg_call call;
  struct stream *next;
  size_t number;
  bool open;
  int64_t cursor; /* the last revision that was seen; samplers alone */
};

struct worker {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  struct stream *first, *last;
  bool stopping;
  int64_t *latencies;
  size_t latency_count, latency_max;
};

static struct worker workers[TRANSPORT_COUNT];
static _Atomic int64_t committed_ns[REVISIONS_MAX]; /* by revision */
static _Atomic size_t open_count, finished_count;

static int64_t now_ns(void) {
  return jg_clock_mono_ns(jg_clock_system());
}

static struct worker *worker_of(const struct stream *stream) {
  return &workers[stream->number % TRANSPORT_COUNT];
}

/* The token is the last field of a message of changes: its revision says what the message brought. */
static void sample(struct stream *stream, const struct jg_bytes *message) {
  struct jg_token token = {0};
  char any[JG_TOKEN_TEXT_MAX];
  size_t token_len = jg_token_format(&token, any);
  struct jg_str text = jg_str_sub(jg_bytes_str(message), message->len - token_len, token_len);
  if (message->len < token_len || !jg_status_ok(jg_token_parse(text, &token))) {
    return;
  }
  struct worker *worker = worker_of(stream);
  int64_t now = now_ns();
  JG_ASSERT(pthread_mutex_lock(&worker->mutex) == 0);
  for (int64_t r = stream->cursor + 1; r <= token.revision && r < REVISIONS_MAX; r++) {
    // Relaxed: a clock's reading; 0 if the writer has not come to noting it.
    int64_t committed = atomic_load_explicit(&committed_ns[r], memory_order_relaxed);
    if (worker->latency_count < worker->latency_max) {
      worker->latencies[worker->latency_count++] = committed != 0 && committed < now ? now - committed : 0;
    }
  }
  JG_ASSERT(pthread_mutex_unlock(&worker->mutex) == 0);
  stream->cursor = token.revision;
}

static void bench_send(struct jg_call *call, struct jg_bytes *message) {
  struct stream *stream = call->stream != NULL ? (struct stream *)(void *)call : NULL;
  JG_ASSERT(stream != NULL);
  if (stream->number % SAMPLED_OF == 0) {
    sample(stream, message);
  }
  jg_bytes_unref(message);
  struct worker *worker = worker_of(stream);
  stream->next = NULL;
  JG_ASSERT(pthread_mutex_lock(&worker->mutex) == 0);
  bool was_empty = worker->first == NULL;
  *(was_empty ? &worker->first : &worker->last->next) = stream;
  worker->last = stream;
  if (was_empty) {
    JG_ASSERT(pthread_cond_signal(&worker->wake) == 0);
  }
  JG_ASSERT(pthread_mutex_unlock(&worker->mutex) == 0);
}

static void bench_finish(struct jg_call *call, struct jg_status status, const struct jg_answer *answer) {
  (void)call;
  (void)answer;
  JG_ASSERT(status.reason == JG_REASON_DRAINING);
  atomic_fetch_add(&finished_count, 1);
}

static const struct jg_call_sink sink = {.finish = bench_finish, .send = bench_send};

static void *work(void *data) {
  struct worker *worker = data;
  JG_ASSERT(pthread_mutex_lock(&worker->mutex) == 0);
  while (!worker->stopping) {
    struct stream *list = worker->first;
    worker->first = NULL;
    if (list == NULL) {
      JG_ASSERT(pthread_cond_wait(&worker->wake, &worker->mutex) == 0);
      continue;
    }
    JG_ASSERT(pthread_mutex_unlock(&worker->mutex) == 0);
    while (list != NULL) {
      struct stream *stream = list;
      list = stream->next;
      if (!stream->open) {
        stream->open = true;
        atomic_fetch_add(&open_count, 1);
      }
      stream->call.on_sent(&stream->call, true);
    }
    JG_ASSERT(pthread_mutex_lock(&worker->mutex) == 0);
  }
  JG_ASSERT(pthread_mutex_unlock(&worker->mutex) == 0);
  return NULL;
}

static int64_t rss_bytes(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  JG_ASSERT(file != NULL && fscanf(file, "%*d %ld", &pages) == 1);  // NOLINT(cert-err34-c): our own kernel's text
  (void)fclose(file);
  return (int64_t)pages * 4096;
}

/* Makes the filter of one stream; "": none. */
static void make_filter(const char *kind, size_t number, char filter[128]) {
  char id[JG_UUID_TEXT_LEN];
  jg_uuid_format(job_id(1 + number % WRITERS * WRITER_STRIDE + number / WRITERS % JOBS_OF_WRITER), id);
  filter[0] = '\0';
  if (strcmp(kind, "filed") == 0) {
    (void)snprintf(filter, 128, "id eq %.*s", JG_UUID_TEXT_LEN, id);
  } else if (strcmp(kind, "asked") == 0) {
    (void)snprintf(filter, 128, "not (id ne %.*s)", JG_UUID_TEXT_LEN, id);
  }
}

static struct stream *open_streams(struct fixture *fixture, size_t count, const char *kind) {
  Jobgate__V1__WatchJobsRequest *request = jg_alloc_zero(1, sizeof(*request));
  jobgate__v1__watch_jobs_request__init(request);
  Google__Protobuf__Empty *now = jg_alloc_zero(1, sizeof(*now));
  google__protobuf__empty__init(now);
  request->start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW;
  request->now = now;
  struct stream *streams = jg_alloc_zero(count, sizeof(*streams));
  for (size_t i = 0; i < count; i++) {
    struct jg_call *call = &streams[i].call;
    streams[i].number = i;
    call->magic = JG_CALL_MAGIC;
    jg_arena_init(&call->arena, 1u << 20);
    call->app = &fixture->app;
    call->sink = &sink;
    call->identity.tenant = fixture->tenant;
    call->request = &request->base;
    char filter[128];
    make_filter(kind, i, filter);
    request->filter = filter;
    jg_hub_watch(call);
  }
  while (atomic_load(&open_count) < count) {
    JG_ASSERT(sched_yield() == 0);
  }
  jg_free(now);
  jg_free(request);
  return streams;
}

struct writing {
  pthread_t thread;
  struct fixture *fixture;
  uint64_t number;
  size_t bytes;
  int64_t gap_ns, until_ns;
  int64_t *latencies;
  size_t count, max;
};

static void *write_on(void *data) {
  struct writing *writing = data;
  int64_t next = now_ns() + (int64_t)writing->number * writing->gap_ns / WRITERS;
  for (uint64_t i = 0; now_ns() < writing->until_ns; i++) {
    if (writing->gap_ns > 0) {
      const struct timespec at = {.tv_sec = next / NS_PER_SECOND, .tv_nsec = next % NS_PER_SECOND};
      JG_ASSERT(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == 0);
      next += writing->gap_ns;
    }
    int64_t start = now_ns();
    int64_t revision = write_jobs(writing->fixture, writing->fixture->tenant,
                                  1 + writing->number * WRITER_STRIDE + i % JOBS_OF_WRITER, 1, writing->bytes);
    int64_t end = now_ns();
    if (revision < REVISIONS_MAX) {
      atomic_store_explicit(&committed_ns[revision], end, memory_order_relaxed);  // see sample
    }
    if (writing->count < writing->max) {
      writing->latencies[writing->count++] = end - start;
    }
  }
  return NULL;
}

static int compare(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static double percentile_ms(int64_t *values, size_t count, double share) {
  if (count == 0) {
    return 0;
  }
  qsort(values, count, sizeof(*values), compare);
  size_t index = (size_t)((double)(count - 1) * share);
  return (double)values[index] / 1e6;
}

static int64_t argument(int argc, char **argv, int index, int64_t otherwise) {
  int64_t value = otherwise;
  if (index < argc && !jg_parse_i64(jg_str_from_cstr(argv[index]), &value)) {
    (void)fprintf(stderr, "bench [streams] [commits a second] [seconds] [bytes] [none|filed|asked]\n");
    exit(2);  // NOLINT(concurrency-mt-unsafe): no other thread runs yet
  }
  return value;
}

static void run_writers(struct fixture *fixture, int64_t rate, int64_t seconds, size_t bytes, struct writing *writers) {
  for (size_t i = 0; i < WRITERS; i++) {
    writers[i] = (struct writing){.fixture = fixture,
                                  .number = i,
                                  .bytes = bytes,
                                  .gap_ns = rate > 0 ? WRITERS * NS_PER_SECOND / rate : 0,
                                  .until_ns = now_ns() + seconds * NS_PER_SECOND,
                                  .max = REVISIONS_MAX / WRITERS};
    writers[i].latencies = jg_alloc(writers[i].max * sizeof(int64_t));
    JG_ASSERT(pthread_create(&writers[i].thread, NULL, write_on, &writers[i]) == 0);
  }
  for (size_t i = 0; i < WRITERS; i++) {
    JG_ASSERT(pthread_join(writers[i].thread, NULL) == 0);
  }
}

/* Puts all samples of one kind together. */
static int64_t *gather(int64_t **parts, const size_t *counts, size_t part_count, size_t *ret_count) {
  size_t count = 0;
  for (size_t i = 0; i < part_count; i++) {
    count += counts[i];
  }
  int64_t *all = jg_alloc((count + 1) * sizeof(int64_t));
  *ret_count = 0;
  for (size_t i = 0; i < part_count; i++) {
    if (counts[i] > 0) {
      memcpy(all + *ret_count, parts[i], counts[i] * sizeof(int64_t));
    }
    *ret_count += counts[i];
    jg_free(parts[i]);
  }
  return all;
}

static void report(struct fixture *fixture, size_t stream_count, double seconds, const struct rusage *before,
                   struct writing *writers) {
  struct rusage after;
  JG_ASSERT(getrusage(RUSAGE_SELF, &after) == 0);
  double user = (double)(after.ru_utime.tv_sec - before->ru_utime.tv_sec) +
                (double)(after.ru_utime.tv_usec - before->ru_utime.tv_usec) / 1e6;
  double system = (double)(after.ru_stime.tv_sec - before->ru_stime.tv_sec) +
                  (double)(after.ru_stime.tv_usec - before->ru_stime.tv_usec) / 1e6;
  int64_t *parts[WRITERS];
  size_t counts[WRITERS], count = 0;
  for (size_t i = 0; i < WRITERS; i++) {
    parts[i] = writers[i].latencies;
    counts[i] = writers[i].count;
  }
  int64_t *commits = gather(parts, counts, WRITERS, &count);
  (void)printf("%zu streams: %.0f commits/s, write p50 %.2f ms p99 %.2f ms\n", stream_count, (double)count / seconds,
               percentile_ms(commits, count, 0.5), percentile_ms(commits, count, 0.99));
  jg_free(commits);
  const size_t commit_count = count;
  for (size_t i = 0; i < TRANSPORT_COUNT; i++) {
    parts[i] = workers[i].latencies;
    counts[i] = workers[i].latency_count;
  }
  int64_t *events = gather(parts, counts, TRANSPORT_COUNT, &count);
  double changes = (double)metric(fixture, "jobgate_watch_changes_total");
  double messages = (double)metric(fixture, "jobgate_watch_messages_total");
  (void)printf("  %.0f events/s in %.0f messages/s (%.1f each), pages read by streams: %lld\n", changes / seconds,
               messages / seconds, messages > 0 ? changes / messages : 0,
               (long long)metric(fixture, "jobgate_watch_catch_up_pages_total"));
  (void)printf("  commit -> event p50 %.2f ms p99 %.2f ms (%zu samples), cpu %.2f user %.2f system, %.0f us a commit\n",
               percentile_ms(events, count, 0.5), percentile_ms(events, count, 0.99), count, user / seconds,
               system / seconds, (user + system) * 1e6 / (double)(commit_count > 0 ? commit_count : 1));
  jg_free(events);
}

int main(int argc, char **argv) {
  size_t stream_count = (size_t)argument(argc, argv, 1, 1000);
  int64_t rate = argument(argc, argv, 2, 500);
  int64_t seconds = argument(argc, argv, 3, 5);
  size_t bytes = (size_t)argument(argc, argv, 4, 300);
  const char *kind = argc > 5 ? argv[5] : "none";
  const struct fixture_options options = {.streams_max = 20000};
  struct fixture *fixture = fixture_create(&options);
  for (size_t i = 0; i < TRANSPORT_COUNT; i++) {
    workers[i].latency_max = 2000000;
    workers[i].latencies = jg_alloc(workers[i].latency_max * sizeof(int64_t));
    JG_ASSERT(pthread_mutex_init(&workers[i].mutex, NULL) == 0);
    JG_ASSERT(pthread_cond_init(&workers[i].wake, NULL) == 0);
    JG_ASSERT(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
  }
  int64_t rss = rss_bytes();
  struct stream *streams = open_streams(fixture, stream_count, kind);
  (void)printf("%lld bytes of memory a stream\n",
               (long long)(rss_bytes() - rss) / (stream_count > 0 ? (long long)stream_count : 1));
  struct rusage before;
  JG_ASSERT(getrusage(RUSAGE_SELF, &before) == 0);
  int64_t start = now_ns();
  struct writing writers[WRITERS];
  run_writers(fixture, rate, seconds, bytes, writers);
  jg_hub_drain(fixture->hub);
  while (atomic_load(&finished_count) < stream_count) {
    JG_ASSERT(sched_yield() == 0);
  }
  double elapsed = (double)(now_ns() - start) / (double)NS_PER_SECOND;
  report(fixture, stream_count, elapsed, &before, writers);
  for (size_t i = 0; i < TRANSPORT_COUNT; i++) {
    JG_ASSERT(pthread_mutex_lock(&workers[i].mutex) == 0);
    workers[i].stopping = true;
    JG_ASSERT(pthread_cond_signal(&workers[i].wake) == 0);
    JG_ASSERT(pthread_mutex_unlock(&workers[i].mutex) == 0);
    JG_ASSERT(pthread_join(workers[i].thread, NULL) == 0);
  }
  for (size_t i = 0; i < stream_count; i++) {
    jg_arena_done(&streams[i].call.arena);
  }
  jg_free(streams);
  fixture_destroy(fixture);
  return 0;
}
