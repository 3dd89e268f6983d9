/* A raw HTTP client over a loopback socket, for tests: sends any bytes, reads answers strictly. Blocks; gives up after 20 s
 * by failing the test. Thread: its owner's. */
#ifndef JG_BRIDGE_HTTP_TEST_CLIENT_H
#define JG_BRIDGE_HTTP_TEST_CLIENT_H

#include "base/buf.h"
#include "base/str.h"

struct jg_test_client {
  int fd;
  struct jg_buf in; /* read, not used yet */
};

struct jg_test_answer {
  int status;
  struct jg_buf head; /* status line and fields with their CRLFs, without the empty line */
  struct jg_buf body;
};

void jg_test_client_open(struct jg_test_client *client, uint16_t port);
void jg_test_client_close(struct jg_test_client *client);
void jg_test_client_send(struct jg_test_client *client, struct jg_str bytes);
void jg_test_client_send_text(struct jg_test_client *client, const char *text);
/* One write(2) a byte. */
void jg_test_client_send_slowly(struct jg_test_client *client, const char *text);
/* False if the peer no longer takes them. */
bool jg_test_client_try_send(struct jg_test_client *client, struct jg_str bytes);
void jg_test_client_shutdown(struct jg_test_client *client);
/* Reads one answer, with the body that its Content-Length states (none if `head` asked for the head alone). The answer is
 * the caller's: jg_test_answer_done. */
void jg_test_client_read(struct jg_test_client *client, bool head, struct jg_test_answer *ret_answer);
/* For answers in pieces: the head alone, with an empty body; then one chunk after another (RFC 9112 section 7.1), appended; false
 * at the last one. */
void jg_test_client_read_head(struct jg_test_client *client, struct jg_test_answer *ret_answer);
bool jg_test_client_read_chunk(struct jg_test_client *client, struct jg_buf *out);
/* Everything up to the peer's end, appended. */
void jg_test_client_read_rest(struct jg_test_client *client, struct jg_buf *out);
/* Waits for the peer's end; false if bytes come instead. A reset counts as an end. */
bool jg_test_client_at_end(struct jg_test_client *client);
/* Nothing has come so far; does not wait. */
bool jg_test_client_silent(struct jg_test_client *client);

/* Value of a field, any case; data NULL if it is missing. */
struct jg_str jg_test_answer_header(const struct jg_test_answer *answer, const char *name);
void jg_test_answer_done(struct jg_test_answer *answer);

#endif
