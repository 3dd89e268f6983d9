/* For the tests of bridge/rest: a real server on loopback over fake_methods.c, and a client of it. Thread: the test's. */
#ifndef JG_BRIDGE_REST_TEST_DOOR_H
#define JG_BRIDGE_REST_TEST_DOOR_H

#include "base/log.h"
#include "bridge/http/test_client.h"
#include "bridge/rest/rest.h"

#define WITH_JSON "Content-Type: application/json\r\n"

/* Sets app and tenant (7) itself, methods and a style if there are none. fake_start comes before, fake_stop after the end. */
void test_door_open(struct jg_rest_options options);
void test_door_close(void);
/* Where the next one that opens logs to; NULL: nowhere. Borrowed until it closes. */
void test_door_log(const struct jg_log *log);
struct jg_metrics *test_door_metrics(void);
struct jg_test_client *test_door_client(void); /* on whose connection all is sent */

/* fields: lines that end with CRLF. body: data NULL for none. The answer's body gets a NUL behind its end. */
struct jg_test_answer test_door_send(const char *method, const char *target, const char *fields, struct jg_str body);
struct jg_test_answer test_door_call(const char *method, const char *target, const char *fields, const char *body);
struct jg_test_answer test_door_get(const char *target);
/* value NULL: the field must not be there. */
void test_door_assert_header(const struct jg_test_answer *answer, const char *name, const char *value);

#endif
