// Who is there: before a request's route, its query or its body are looked at (contract section 2.5, statement 92).

#include "bridge/rest/rest_internal.h"

/* A request whose caller is asked for. In its arena, as its context until it becomes a call. Thread: loop, but for answered. */
struct visitor {
  struct jg_identity_wait wait; /* first */
  struct jg_http_request *request;
  struct jg_identity_verdict verdict;
};

/* On a hashing thread. The request comes back to the handler, on its loop. */
static void answered(struct jg_identity_wait *wait, struct jg_identity_verdict verdict) {
  struct visitor *visitor = (struct visitor *)wait;
  visitor->verdict = verdict;
  jg_http_resume(visitor->request);
}

bool jg_rest_ask(const struct jg_rest *rest, const struct jg_http_request *request, struct jg_identity_wait *wait,
                 struct jg_identity_verdict *ret_verdict) {
  size_t index = jg_http_header_next(request, JG_STR("authorization"), 0);
  struct jg_str value = index < request->header_count ? request->headers[index].value : JG_STR_NONE;
  if (jg_http_header_next(request, JG_STR("authorization"), index + 1) < request->header_count) {
    value = JG_STR("");  // Two of them: who knows which one somebody before us has looked at.
  }
  return jg_identity_verify(rest->identity, value, wait, ret_verdict);
}

/* False: the request comes again, when it is known who sent it. */
static bool is_answered(struct jg_rest *rest, struct jg_http_request *request, struct visitor *visitor) {
  *visitor = (struct visitor){.wait = {.done = answered}, .request = request};
  request->context = visitor;
  return jg_rest_ask(rest, request, &visitor->wait, &visitor->verdict);
}

void jg_rest_handle(struct jg_http_request *request, void *data) {
  struct jg_rest *rest = data;
  if (jg_rest_cors(rest, request)) {
    return;
  }
  if (rest->identity == NULL) {
    jg_rest_admitted(request, rest);
    return;
  }
  struct visitor *visitor = request->context;
  if (visitor == NULL) {
    visitor = jg_arena_alloc(&request->arena, sizeof(*visitor));
    JG_ASSERT(visitor != NULL);  // The first in an arena of 1 MiB.
    if (!is_answered(rest, request, visitor)) {
      return;
    }
  }
  if (jg_status_ok(visitor->verdict.status)) {
    jg_rest_admitted(request, rest);
    return;
  }
  jg_rest_fail_status(rest, request, visitor->verdict.status, false);
}

int64_t jg_rest_admitted_until_ns(const struct jg_rest *rest, const struct jg_http_request *request) {
  return rest->identity != NULL ? ((const struct visitor *)request->context)->verdict.until_ns : INT64_MAX;
}

int64_t jg_rest_tenant(const struct jg_rest *rest, const struct jg_http_request *request) {
  return rest->identity != NULL ? ((const struct visitor *)request->context)->verdict.tenant : rest->tenant;
}
