// An answer's way out: its coding (statement 95), and the answers that need no method.

#include "bridge/rest/rest_internal.h"

/* Below this an answer fits one packet anyway. */
#define CODED_BYTES_MIN 1024u
#define SERVICE_BYTES_MAX (64u << 10)

static void add_coding_headers(enum jg_coding coding, struct jg_rest_headers *headers) {
  jg_rest_add_header(headers, JG_STR("Vary"), JG_STR("Accept-Encoding"));
  if (coding != JG_CODING_IDENTITY) {
    jg_rest_add_header(headers, JG_STR("Content-Encoding"), jg_coding_name(coding));
  }
}

/* Swaps the body for its coded form. */
static void code_body(struct jg_http_request *request, enum jg_coding coding, struct jg_buf *body) {
  // A coded text is hardly ever larger than the plain one, and then by a few bytes.
  struct jg_buf coded = jg_http_take_buf(request, body->len + body->len / 8 + (64u << 10));
  jg_coding_compress(coding, JG_CODING_FAST, jg_buf_str(body), &coded);
  JG_ASSERT(!coded.failed);
  jg_http_leave_buf(request, body);
  *body = coded;
}

void jg_rest_respond(struct jg_http_request *request, struct jg_rest_wishes wishes, struct jg_rest_headers *headers,
                     struct jg_http_response *response) {
  if (response->status != 204) {
    bool coded = wishes.coding != JG_CODING_IDENTITY && (wishes.coded || response->buf.len >= CODED_BYTES_MIN);
    add_coding_headers(coded ? wishes.coding : JG_CODING_IDENTITY, headers);
    if (coded) {
      code_body(request, wishes.coding, &response->buf);
    }
  }
  response->headers = headers->list;
  response->header_count = headers->count;
  jg_http_respond(request, response);
}

void jg_rest_answer_service(const struct jg_rest *rest, struct jg_http_request *request, struct jg_rest_wishes wishes) {
  struct jg_str base = jg_rest_base(rest, request, &request->arena);
  struct jg_http_response response = {.status = 200};
  struct jg_rest_headers headers = {.count = 0};
  JG_ASSERT(base.data != NULL);  // The arena is empty but for the path and the query, which are limited.
  jg_buf_init(&response.buf, SERVICE_BYTES_MAX);
  jg_meta_write_service(rest->meta, base, &response.buf);
  JG_ASSERT(!response.buf.failed);
  jg_rest_add_header(&headers, JG_STR("OData-Version"), JG_STR("4.0"));
  jg_rest_add_content_type(&headers, wishes.text_json);
  jg_rest_respond(request, wishes, &headers, &response);
}

void jg_rest_answer_document(struct jg_http_request *request, const struct jg_meta_document *document,
                             struct jg_rest_wishes wishes) {
  struct jg_http_response response = {.status = 200, .shared = jg_bytes_ref(document->forms[wishes.coding])};
  struct jg_rest_headers headers = {.count = 0};
  if (jg_rest_is_odata(request->path)) {
    jg_rest_add_header(&headers, JG_STR("OData-Version"), JG_STR("4.0"));
  }
  jg_rest_add_header(&headers, JG_STR("Content-Type"), document->content_type);
  // Pages hold text from the schema alone; a browser is told to load nothing and run nothing all the same.
  jg_rest_add_header(&headers, JG_STR("Content-Security-Policy"),
                     JG_STR("default-src 'none'; style-src 'unsafe-inline'"));
  jg_rest_add_header(&headers, JG_STR("X-Content-Type-Options"), JG_STR("nosniff"));
  add_coding_headers(wishes.coding, &headers);
  response.headers = headers.list;
  response.header_count = headers.count;
  jg_http_respond(request, &response);
}
