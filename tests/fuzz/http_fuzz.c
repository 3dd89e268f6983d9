/* Any bytes from a client, in any pieces, to a real HTTP server on a loopback port: it stays up, gives its handler only what
 * the API promises, and answers every request that it called the handler or refused for, whole, then closes. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "bridge/http/server.h"
#include "tests/fuzz/target.h"

#define ANSWERS_BYTES_MAX (8u << 20)
/* A server that says nothing for so long hangs. */
#define WAIT_SECONDS 20

static struct {
  struct jg_http_server *server;
  uint32_t connections;
  atomic_int answers; /* of handler and refusals */
} fuzz;

static bool is_field_text(struct jg_str s) {
  for (size_t i = 0; i < s.len; i++) {
    if (s.data[i] == '\r' || s.data[i] == '\n' || s.data[i] == '\0') {
      return false;
    }
  }
  return true;
}

static void answer(struct jg_http_request *request, int status) {
  atomic_fetch_add(&fuzz.answers, 1);
  struct jg_http_response response = {.status = status};
  jg_http_respond(request, &response);
}

static void handle(struct jg_http_request *request, void *data) {
  (void)data;  // no state
  JG_ASSERT(request->method < JG_HTTP_METHOD_COUNT && request->method_name.len > 0);
  JG_ASSERT(request->path.len > 0 && (request->path.data[0] == '/' || jg_str_equal(request->path, JG_STR("*"))));
  JG_ASSERT(is_field_text(request->path) && is_field_text(request->query));
  JG_ASSERT(jg_http_host_valid(request->host));
  JG_ASSERT(request->body.len <= JG_LIMIT_BODY_BYTES);
  for (size_t i = 0; i < request->header_count; i++) {
    JG_ASSERT(request->headers[i].name.len > 0 && is_field_text(request->headers[i].name));
    JG_ASSERT(is_field_text(request->headers[i].value));
  }
  answer(request, 200);
}

static void refuse(struct jg_http_request *request, int status, const char *message, void *data) {
  (void)data;  // no state
  JG_ASSERT(status >= 400 && message[0] != '\0');
  answer(request, status);
}

// NOLINTNEXTLINE(readability-non-const-parameter): libFuzzer's prototype
int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;  // libFuzzer's own
  (void)argv;
  const struct jg_http_server_options options = {
      .name = "fuzz",
      .address = JG_STR("127.0.0.1:0"),
      .handler = handle,
      .refuse = refuse,
      .clock = jg_clock_system(),
  };
  struct jg_arena arena;
  jg_arena_init(&arena, JG_FUZZ_ARENA_BYTES);
  fuzz.server = jg_http_server_create(&options);
  struct jg_status status = jg_http_server_start(fuzz.server, &arena);
  JG_ASSERT(jg_status_ok(status));
  jg_arena_done(&arena);
  // libFuzzer's clock would interrupt calls on the socket; a hang is seen by the time they may take.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  JG_ASSERT(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
  return 0;
}

static int dial(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  JG_ASSERT(fd >= 0);
  const struct timeval wait = {.tv_sec = WAIT_SECONDS};
  JG_ASSERT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0);
  // From all over 127.0.0.0/8: each connection keeps its port for a minute, and one address would run out of them.
  const int late = 1;
  JG_ASSERT(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof late) == 0);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK + fuzz.connections++ % 4096)};
  JG_ASSERT(bind(fd, (const struct sockaddr *)(const void *)&address, sizeof address) == 0);
  address.sin_port = htons(jg_http_server_port(fuzz.server));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  JG_ASSERT(connect(fd, (const struct sockaddr *)(const void *)&address, sizeof address) == 0);
  return fd;
}

/* Every answer to the client's end of the stream. A server that refuses may reset what was still coming: *ret_reset. */
static void read_answers(int fd, struct jg_buf *answers, bool *ret_reset) {
  char bytes[4096];
  ssize_t n;
  while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0) {
    jg_buf_append(answers, bytes, (size_t)n);
  }
  JG_ASSERT(n == 0 || errno == ECONNRESET);
  *ret_reset = n != 0;
}

/* Heads without bodies, one after the other; the count of final ones. */
static int count_answers(struct jg_str rest) {
  int count = 0;
  while (rest.len > 0) {
    JG_ASSERT(rest.len > 12 && jg_str_starts_with(rest, JG_STR("HTTP/1.1 ")));
    count += rest.data[9] != '1';
    const char *end = memmem(rest.data, rest.len, "\r\n\r\n", 4);
    JG_ASSERT(end != NULL);
    rest = jg_str_sub(rest, (size_t)(end - rest.data) + 4, SIZE_MAX);
  }
  return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct jg_str bytes = jg_str_make((const char *)data, size);
  static const size_t steps[] = {SIZE_MAX, 1024, 64, 7, 1};
  size_t step = steps[jg_fuzz_choice(&bytes, JG_COUNT(steps))];
  atomic_store(&fuzz.answers, 0);
  int fd = dial();
  while (bytes.len > 0) {
    struct jg_str piece = jg_str_sub(bytes, 0, step);
    ssize_t sent = send(fd, piece.data, piece.len, MSG_NOSIGNAL);
    if (sent <= 0) {
      break;  // It has refused and does not read on.
    }
    bytes = jg_str_sub(bytes, (size_t)sent, SIZE_MAX);
  }
  (void)shutdown(fd, SHUT_WR);  // It may be gone already.
  struct jg_buf answers;
  jg_buf_init(&answers, ANSWERS_BYTES_MAX);
  bool reset;
  read_answers(fd, &answers, &reset);
  JG_ASSERT(!answers.failed);
  if (!reset) {
    JG_ASSERT(count_answers(jg_buf_str(&answers)) == atomic_load(&fuzz.answers));
  }
  close(fd);
  jg_buf_done(&answers);
  return 0;
}
