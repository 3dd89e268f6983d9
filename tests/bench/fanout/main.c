#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/str.h"
#include "proto/codec/wire.h"
#include "tests/bench/fanout/load.h"

#define WARM_UP_NS INT64_C(500000000)
/* Of the events every so many is a latency sample. */
#define EVENT_SAMPLE 17
#define OPEN_NS INT64_C(60000000000)

void fail(const char *what) {
  (void)fprintf(stderr, "fanout: %s: errno %d\n", what, errno);  // nothing else can be done
  abort();
}

static int64_t clock_ns(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}
int64_t now_ns(void) {
  return clock_ns(CLOCK_MONOTONIC);
}
int64_t wall_ns(void) {
  return clock_ns(CLOCK_REALTIME);
}

static unsigned number_of(const char *text) {
  uint64_t number;
  if (!jg_parse_u64(jg_str_from_cstr(text), &number) || number > UINT32_MAX) {
    errno = EINVAL;
    fail(text);
  }
  return (unsigned)number;
}

int connect_to(const char *address) {
  char host[64];
  const char *colon = strrchr(address, ':');
  if (colon == NULL || (size_t)(colon - address) >= sizeof host) {
    fail("address");
  }
  memcpy(host, address, (size_t)(colon - address));
  host[colon - address] = '\0';
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number_of(colon + 1))};
  int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  if (inet_pton(AF_INET, host, &to.sin_addr) != 1 || fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
    fail(address);
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

void watch_fd(struct load *load, struct connection *connection, bool writable) {
  struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0u), .data.ptr = connection};
  if (epoll_ctl(load->epoll, EPOLL_CTL_MOD, connection->fd, &event) != 0 &&
      epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
    fail("epoll_ctl");
  }
}

void sample(struct samples *samples, int64_t ns) {
  if (samples->count == samples->capacity) {
    samples->capacity = samples->capacity == 0 ? 4096 : 2 * samples->capacity;
    samples->ns = realloc(samples->ns, samples->capacity * sizeof *samples->ns);
  }
  samples->ns[samples->count++] = ns;
}

/* The commit time of an event, by its field; 0: none. */
static int64_t commit_time(struct jg_str event, unsigned number) {
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  jg_wire_reader_init(&reader, event);
  while (jg_wire_next(&reader, &field)) {
    if (field.number != number || field.type != JG_WIRE_LEN) {
      continue;
    }
    int64_t seconds = 0, nanos = 0;
    jg_wire_reader_init(&reader, field.bytes);
    while (jg_wire_next(&reader, &field)) {
      *(field.number == 1 ? &seconds : &nanos) = (int64_t)field.value;
    }
    return seconds * INT64_C(1000000000) + nanos;
  }
  return 0;
}

/* 'T' and 16 hexadecimal digits. */
static bool read_mark(const char *at, int64_t *ret_sent_ns) {
  uint64_t sent = 0;
  for (unsigned i = 1; i < MARK_LEN; i++) {
    char digit = at[i];
    if ((digit < '0' || digit > '9') && (digit < 'a' || digit > 'f')) {
      return false;
    }
    sent = sent << 4 | (digit <= '9' ? (unsigned)digit - '0' : (unsigned)digit - 'a' + 10);
  }
  *ret_sent_ns = (int64_t)sent;
  return true;
}

void take_event(struct load *load, struct jg_str event) {
  if (!load->measuring) {
    return;
  }
  load->events++;
  if (load->event_turn++ % EVENT_SAMPLE != 0) {
    return;
  }
  const char *end = event.data + event.len;
  for (const char *at = event.data; (at = memchr(at, 'T', (size_t)(end - at))) != NULL; at++) {
    int64_t sent;
    if (end - at < MARK_LEN) {
      break;
    }
    if (read_mark(at, &sent)) {
      sample(&load->event_ns, now_ns() - sent);
      break;
    }
  }
  if (load->options.time_field != 0) {
    int64_t commit = commit_time(event, load->options.time_field);
    if (commit != 0) {
      sample(&load->commit_ns, wall_ns() - commit);
    }
  }
}

struct text stamped_body(struct load *load) {
  struct text body = load->options.write_body;
  char digits[MARK_LEN];
  snprintf(digits, sizeof digits, "%016llx", (unsigned long long)now_ns());
  memcpy(body.data + load->mark_at + 1, digits, MARK_LEN - 1);
  return body;
}

void write_done(struct load *load, int64_t sent_ns, bool ok) {
  load->writing--;
  if (load->measuring) {
    load->writes += ok;
    load->failed_writes += !ok;
    sample(&load->write_ns, now_ns() - sent_ns);
  }
}

static void submit(struct load *load) {
  load->writing++;
  (load->options.resp ? resp_write : h2_write)(load);
}

static void turn(struct load *load, int timeout_ms) {
  struct epoll_event events[256];
  int count = epoll_wait(load->epoll, events, 256, timeout_ms);
  for (int i = 0; i < count; i++) {
    struct connection *connection = events[i].data.ptr;
    connection->on_event(connection, events[i].events);
  }
}

static void write_for(struct load *load, int64_t ns) {
  int64_t start = now_ns(), made = 0;
  for (int64_t now = start; now < start + ns; now = now_ns()) {
    int timeout_ms = 10;
    if (load->options.rate > 0) {
      int64_t due = (now - start) * load->options.rate / INT64_C(1000000000);
      for (; made < due && load->writing < load->options.writers; made++) {
        submit(load);
      }
      timeout_ms = 1;
    } else {
      while (load->writing < load->options.writers) {
        submit(load);
      }
    }
    turn(load, timeout_ms);
  }
}

static int by_value(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static double quantile_ms(struct samples *samples, double q) {
  if (samples->count == 0) {
    return 0;
  }
  qsort(samples->ns, samples->count, sizeof *samples->ns, by_value);
  return (double)samples->ns[(size_t)((double)(samples->count - 1) * q)] / 1e6;
}

static void report(struct load *load, int64_t ns) {
  double seconds = (double)ns / 1e9;
  printf(
      "{\"streams\":%u,\"events\":%llu,\"events_per_s\":%.0f,\"messages_per_s\":%.0f,\"writes_per_s\":%.0f,\"failed_"
      "writes\":%llu,"
      "\"write_p50_ms\":%.3f,\"write_p99_ms\":%.3f,\"event_p50_ms\":%.3f,\"event_p99_ms\":%.3f,\"commit_p50_ms\":%.3f,"
      "\"commit_p99_ms\":%.3f}\n",
      load->options.streams, (unsigned long long)load->events, (double)load->events / seconds,
      (double)load->messages / seconds, (double)load->writes / seconds, (unsigned long long)load->failed_writes,
      quantile_ms(&load->write_ns, 0.5), quantile_ms(&load->write_ns, 0.99), quantile_ms(&load->event_ns, 0.5),
      quantile_ms(&load->event_ns, 0.99), quantile_ms(&load->commit_ns, 0.5), quantile_ms(&load->commit_ns, 0.99));
}

static struct text read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  struct text text = {.data = malloc(1u << 20)};
  if (file == NULL) {
    fail(path);
  }
  text.len = fread(text.data, 1, 1u << 20, file);
  fclose(file);
  return text;
}

/* "2.1": field 1 of field 2. */
static void parse_path(struct options *options, struct jg_str text) {
  while (text.len > 0) {
    size_t dot = 0;
    uint64_t number;
    while (dot < text.len && text.data[dot] != '.') {
      dot++;
    }
    if (!jg_parse_u64(jg_str_sub(text, 0, dot), &number) || options->event_depth == EVENT_PATH_MAX) {
      errno = EINVAL;
      fail("--events");
    }
    options->event_path[options->event_depth++] = (unsigned)number;
    text = jg_str_sub(text, dot < text.len ? dot + 1 : dot, text.len);
  }
}

/* The setting's number, text or file. False: there is no such setting. */
static bool take_setting(struct options *options, struct jg_str name, const char *value) {
  const struct {
    struct jg_str name;
    unsigned *number;
    const char **text;
    struct text *file;
  } settings[] = {
      {.name = JG_STR("--address"), .text = &options->address},
      {.name = JG_STR("--streams"), .number = &options->streams},
      {.name = JG_STR("--stalled"), .number = &options->stalled},
      {.name = JG_STR("--connections"), .number = &options->connections},
      {.name = JG_STR("--writers"), .number = &options->writers},
      {.name = JG_STR("--rate"), .number = &options->rate},
      {.name = JG_STR("--seconds"), .number = &options->seconds},
      {.name = JG_STR("--time"), .number = &options->time_field},
      {.name = JG_STR("--watch-path"), .text = &options->watch_path},
      {.name = JG_STR("--write-path"), .text = &options->write_path},
      {.name = JG_STR("--watch-body"), .file = &options->watch_body},
      {.name = JG_STR("--write-body"), .file = &options->write_body},
  };
  for (size_t i = 0; i < JG_COUNT(settings); i++) {
    if (jg_str_equal(settings[i].name, name)) {
      if (settings[i].number != NULL) {
        *settings[i].number = number_of(value);
      } else if (settings[i].text != NULL) {
        *settings[i].text = value;
      } else {
        *settings[i].file = read_file(value);
      }
      return true;
    }
  }
  return false;
}

static void parse(struct options *options, int argc, char **argv) {
  *options = (struct options){.connections = 1, .writers = 64, .seconds = 3};
  for (int i = 1; i < argc; i++) {
    struct jg_str name = jg_str_from_cstr(argv[i]);
    if (jg_str_equal(name, JG_STR("--resp"))) {
      options->resp = true;
    } else if (jg_str_equal(name, JG_STR("--keep-open"))) {
      options->keep_open = true;
    } else if (i + 1 == argc) {
      fail(argv[i]);
    } else if (jg_str_equal(name, JG_STR("--events"))) {
      parse_path(options, jg_str_from_cstr(argv[++i]));
    } else if (!take_setting(options, name, argv[++i])) {
      fail(argv[i - 1]);
    }
  }
}

int main(int argc, char **argv) {
  static struct load load;
  parse(&load.options, argc, argv);
  const char *mark = load.options.write_body.data == NULL
                         ? NULL
                         : memmem(load.options.write_body.data, load.options.write_body.len, MARK, MARK_LEN);
  if (mark == NULL) {
    errno = EINVAL;
    fail("no mark in the body of the writes");
  }
  load.mark_at = (size_t)(mark - load.options.write_body.data);
  load.epoll = epoll_create1(0);
  (load.options.resp ? resp_open : h2_open)(&load);
  int64_t give_up = now_ns() + OPEN_NS;
  unsigned streams = load.options.streams + load.options.stalled;
  while (load.ready < streams && now_ns() < give_up) {
    turn(&load, 100);
  }
  h2_stall(&load);
  if (load.ready < streams) {
    errno = ETIMEDOUT;
    fail("streams did not open");
  }
  printf("{\"event\":\"open\"}\n");  // whoever measures the server's memory does it now
  fflush(stdout);
  if (load.options.seconds == 0) {
    (void)getchar();
    return 0;
  }
  write_for(&load, WARM_UP_NS);
  load.measuring = true;
  int64_t start = now_ns();
  write_for(&load, load.options.seconds * INT64_C(1000000000));
  int64_t ns = now_ns() - start;
  load.measuring = false;
  report(&load, ns);
  return 0;
}
