/* For the .c files and tests of bridge/rest alone. */
#ifndef JG_BRIDGE_REST_REST_INTERNAL_H
#define JG_BRIDGE_REST_REST_INTERNAL_H

#include "base/uuid.h"
#include "bridge/coding/coding.h"
#include "bridge/meta/meta.h"
#include "bridge/odata/query.h"
#include "bridge/odata/select.h"
#include "bridge/rest/rest.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/schema/schema.h"

/* What a path names. The first ones are labels of metrics too. */
enum jg_rest_route {
  JG_REST_NONE,     /* nothing: 404 */
  JG_REST_JOBS,     /* the entity set */
  JG_REST_JOB,      /* one of its entities */
  JG_REST_SERVICE,  /* the service document */
  JG_REST_METADATA, /* documents of bridge/meta, by their path */
  JG_REST_HELP,
  JG_REST_OPENAPI,
  JG_REST_PROPERTY, /* a member of an entity */
  JG_REST_VALUE,    /* its bare text */
  JG_REST_COUNT,    /* how many a set has, bare */
  JG_REST_CHANGE,   /* ChangeToVirtualStatus */
  JG_REST_ENTITIES, /* an entity set beside Jobs */
  JG_REST_ENTITY,   /* one of its entities */
  JG_REST_CHANGES,  /* the stream of changes */
  JG_REST_ROUTE_COUNT,
  JG_REST_BAD_KEY,  /* Jobs(...) without a GUID: 404 */
  JG_REST_BAD_PATH, /* a malformed escape: 400 */
  JG_REST_NOT_BUILT /* known to the contract: 501 */
};

/* What a request wants of its answer. */
struct jg_rest_wishes {
  bool text_json;        /* media type text/json instead of application/json */
  bool ieee754;          /* IEEE754Compatible=true: decimals and counts as strings */
  bool minimal;          /* Prefer: return=minimal */
  bool representation;   /* Prefer: return=representation */
  bool coded;            /* an answer that is not coded will not do: identity;q=0 */
  enum jg_coding coding; /* of the answer, if it is large enough */
};

#define JG_REST_STATUS_MIN 200
#define JG_REST_STATUS_COUNT 312

struct jg_rest_changes_cache;
struct jg_rest_nodes;

struct jg_rest {
  const struct jg_app *app;
  const struct jg_method *methods;
  const struct jg_json_style *style;
  struct jg_str public_url; /* owned */
  const struct jg_ip_net *trusted_proxies;
  size_t trusted_proxy_count;
  struct jg_meta *meta;                  /* owned */
  struct jg_str cors_origins;            /* owned */
  struct jg_rest_changes_cache *changes; /* owned */
  struct jg_rest_nodes *nodes;           /* owned */
  size_t stream_count, streams_max;      /* Thread: loop. */
  size_t page_size;
  bool embed;
  int64_t tenant;
  struct jg_identity_service *identity; /* NULL: no authentication */
  int64_t call_timeout_ns;
  /* Made when first needed. Thread: loop. */
  struct jg_metric *requests[JG_REST_ROUTE_COUNT][JG_HTTP_METHOD_COUNT][JG_REST_STATUS_COUNT];
  struct jg_histogram *seconds[JG_REST_ROUTE_COUNT][JG_HTTP_METHOD_COUNT];
};

/* cors.c: adds what tells browsers, if it is set. True if the request was a browser's question, and is answered. Thread: loop. */
bool jg_rest_cors(const struct jg_rest *rest, struct jg_http_request *request);

/* admit.c asks for the caller; rest.c goes on with a request whose caller is known. Thread: loop. */
void jg_rest_admitted(struct jg_http_request *request, void *data);
/* The caller's tenant, between that and the request's first other context. */
int64_t jg_rest_tenant(const struct jg_rest *rest, const struct jg_http_request *request);

/* As jg_identity_verify, of the request's credential. Thread: any. */
JG_MUST_CHECK bool jg_rest_ask(const struct jg_rest *rest, const struct jg_http_request *request,
                               struct jg_identity_wait *wait, struct jg_identity_verdict *ret_verdict);
/* Until when the caller is known, monotonic; from then on who stays is asked for again. As jg_rest_tenant. */
int64_t jg_rest_admitted_until_ns(const struct jg_rest *rest, const struct jg_http_request *request);

/* The embedded entities between that of the key and the member that a path names: `project/equipment_model` of its name. */
#define JG_REST_WAY_MAX 5u
struct jg_rest_way {
  const struct jg_member *steps[JG_REST_WAY_MAX];
  size_t count;
};

/* What else a path says. */
struct jg_rest_target {
  const struct jg_entity *entity;   /* of the set; the job's where there is none */
  struct jg_uuid key;               /* of JG_REST_JOB, ENTITY, PROPERTY and VALUE */
  struct jg_rest_way way;           /* to `property` */
  const struct jg_member *property; /* of PROPERTY and VALUE; the latter's is no embedded entity and no list */
};
/* route.c: pure. path: raw. */
enum jg_rest_route jg_rest_route_of(struct jg_str path, struct jg_arena *arena, struct jg_rest_target *ret_target);
/* What has one media type, whatever Accept says (RFC 9110 section 12.4.1): documents of bridge/meta, and bare texts. */
static inline bool jg_rest_has_one_type(enum jg_rest_route route) {
  return route == JG_REST_METADATA || route == JG_REST_HELP || route == JG_REST_OPENAPI || route == JG_REST_VALUE ||
         route == JG_REST_COUNT || route == JG_REST_CHANGES;
}
/* The path is under /api, or nobody knows: its answers carry OData-Version. */
bool jg_rest_is_odata(struct jg_str path);
const char *jg_rest_route_name(enum jg_rest_route route);

/* negotiate.c: pure. Each returns 0, or the HTTP status of the refusal with *ret_message (static). */
int jg_rest_check_versions(const struct jg_http_request *request, const char **ret_message);
/* The client says that it reads no version beyond 4.0 (OData-MaxVersion), whatever the answers of old hold of later ones. */
bool jg_rest_reads_40_alone(const struct jg_http_request *request);
/* What Accept gives a media type: thousandths of the most exact range that fits it (RFC 9110 section 12.5.1); -1: none fits. */
int jg_rest_quality(const struct jg_http_request *request, struct jg_str type, struct jg_str subtype);
int jg_rest_check_accept(const struct jg_http_request *request, struct jg_rest_wishes *wishes,
                         const char **ret_message);
/* $format, which overrules Accept (OData 4.0 part 1, 11.2.11): a short name or a media type that the route answers with. */
int jg_rest_check_format(struct jg_str format, enum jg_rest_route route, struct jg_rest_wishes *wishes,
                         const char **ret_message);
/* Sets the coding (RFC 9110 section 12.5.3): the best quality of gzip, deflate and none; gzip, then deflate, of equals. */
int jg_rest_check_coding(const struct jg_http_request *request, struct jg_rest_wishes *wishes,
                         const char **ret_message);
int jg_rest_check_body_coding(const struct jg_http_request *request, enum jg_coding *ret_coding,
                              const char **ret_message);
int jg_rest_check_body_type(const struct jg_http_request *request, const char **ret_message);
void jg_rest_read_prefer(const struct jg_http_request *request, struct jg_rest_wishes *wishes);
/* The preference by which the client asks for a deltaLink, as it spells it (OData 4.0 or 4.01); static; NULL: it does not. */
const char *jg_rest_wants_tracking(const struct jg_http_request *request);
/* The preference for small pages, likewise (OData 4.0 part 1, 8.2.8.5), if it asks for 1 to `most` entities. */
const char *jg_rest_wants_page(const struct jg_http_request *request, size_t most, size_t *ret_size);

/* link.c: texts in the arena, NUL-terminated; data NULL at its cap. Thread: any. */
struct jg_str jg_rest_base(const struct jg_rest *rest, const struct jg_http_request *request,
                           struct jg_arena *arena); /* ".../api" */
/* The path of a base URL: segments of letters, digits and "-._~", each behind a slash; may be empty. */
bool jg_rest_path_valid(struct jg_str path);
struct jg_str jg_rest_location(struct jg_str base, const struct jg_entity *entity, struct jg_str id,
                               struct jg_arena *arena);
/* The page behind this one. */
struct jg_rest_page {
  const struct jg_entity *entity;
  const struct jg_odata_query *query; /* of this one */
  int64_t served;                     /* by this one */
  struct jg_str token;
  struct jg_str delta_token; /* that the pages carry; data NULL: none */
};
void jg_rest_next_link(struct jg_str base, const struct jg_rest_page *page, struct jg_buf *out);
/* "name=value&"; nothing for data NULL. */
void jg_rest_append_option(const char *name, struct jg_str value, struct jg_buf *out);
/* "&name=value" for each of the caller's own options. */
void jg_rest_append_custom(const struct jg_odata_query *query, struct jg_buf *out);

/* Fields that go with an answer. */
#define JG_REST_HEADERS_MAX 8u
struct jg_rest_headers {
  struct jg_http_header list[JG_REST_HEADERS_MAX];
  size_t count;
};

/* error.c: OData errors (contract section 2.7). Thread: any. */
void jg_rest_add_header(struct jg_rest_headers *headers, struct jg_str name, struct jg_str value);
void jg_rest_add_content_type(struct jg_rest_headers *headers, bool text_json);
/* The same, of an answer whose numbers jg_rest_quote_numbers went through. */
void jg_rest_add_compatible_type(struct jg_rest_headers *headers, bool text_json);

/* respond.c: the answer's way out. Codes response->buf as the wishes say, if it has 1 KiB or must be coded, adds the fields
 * that tell (Content-Encoding, Vary), and responds with the headers. Thread: any; large answers not on the loop. */
void jg_rest_respond(struct jg_http_request *request, struct jg_rest_wishes wishes, struct jg_rest_headers *headers,
                     struct jg_http_response *response);
/* A GET or HEAD of JG_REST_SERVICE, or of a document. Both respond. Thread: loop. */
void jg_rest_answer_service(const struct jg_rest *rest, struct jg_http_request *request, struct jg_rest_wishes wishes);
void jg_rest_answer_document(struct jg_http_request *request, const struct jg_meta_document *document,
                             struct jg_rest_wishes wishes);

struct jg_rest_problem {
  int status;
  const char *message;                  /* any text of ours; read during the call */
  const char *allow;                    /* static; NULL: none */
  int64_t retry_after_s;                /* 0: none */
  const struct jg_status_details *lost; /* of HISTORY_LOST: what is left of the log; NULL: another error */
  bool text_json;
  bool body_coding; /* a 415 about it: says which ones are read (RFC 9110 section 12.5.3) */
};
/* An error ready to go; does not move. */
struct jg_rest_failure {
  struct jg_http_response response;
  struct jg_rest_headers headers;
  char retry_after[24];
};
void jg_rest_write_failure(const struct jg_rest *rest, const struct jg_http_request *request,
                           const struct jg_rest_problem *problem, struct jg_rest_failure *ret_failure);
/* From a status, which is read during the call. Violations come as "<member> <what was expected>; ...". */
void jg_rest_write_status(const struct jg_rest *rest, const struct jg_http_request *request, struct jg_status status,
                          bool text_json, struct jg_rest_failure *ret_failure);
/* Writes and responds. */
void jg_rest_fail(const struct jg_rest *rest, struct jg_http_request *request, const struct jg_rest_problem *problem);
void jg_rest_fail_status(const struct jg_rest *rest, struct jg_http_request *request, struct jg_status status,
                         bool text_json);

/* What an answer shows of an entity. */
struct jg_rest_shape {
  bool nodes;                        /* with embedded entities, whole if nothing else is said: */
  bool parent;                       /* with a job's parent */
  bool some;                         /* `members` alone, embedded entities among them; else all members */
  bool cut;                          /* and some of these are not whole: `tree` tells */
  uint64_t members;                  /* bit i: member i */
  const struct jg_odata_shape *tree; /* in the request's arena; NULL: neither $select nor $expand was given */
};
/* shape.c: from $select and $expand, which the setting `embed` completes. Thread: any. */
JG_MUST_CHECK struct jg_status jg_rest_shape_of(const struct jg_entity *entity, const struct jg_odata_query *query,
                                                bool embed, struct jg_arena *arena, struct jg_rest_shape *ret_shape);
/* The members (bit i: member i) as a request's read_mask, so that nothing else is read. In the arena; NULL at its cap. */
Google__Protobuf__FieldMask *jg_rest_mask_of(const struct jg_entity *entity, uint64_t members, struct jg_arena *arena);
/* Appends the entity as call->shape says. nodes: the answer holds embedded entities. */
struct jg_rest_call;
void jg_rest_write_shaped(const struct jg_rest_call *call, const struct jg_parts *parts, struct jg_str context,
                          bool nodes, struct jg_buf *out);

/* What was read of a request. */
struct jg_rest_plan {
  enum jg_rest_route route;
  struct jg_rest_target target;
  struct jg_odata_query query; /* in the request's arena */
  struct jg_rest_shape shape;
  struct jg_rest_wishes wishes;
  enum jg_coding body_coding;
  struct jg_str body; /* decoded; read during jg_rest_call */
};

struct jg_filter_alias;

/* call.c: builds the method's request and starts the call; it answers. */
void jg_rest_call(struct jg_rest *rest, struct jg_http_request *request, const struct jg_rest_plan *plan);
/* A field of a request by its name, of that protobuf type: requests for lists, and for entities of a key, have the same names
 * whatever the set. */
void *jg_rest_field(ProtobufCMessage *request, const char *name, ProtobufCType type);
/* Makes the request of the call's method, which lists a set, of the query. NULL at the arena's cap. */
ProtobufCMessage *jg_rest_new_list(struct jg_rest_call *call);
/* Canonical text in the call's arena; NULL at its cap. */
char *jg_rest_key_text(struct jg_rest_call *call, struct jg_uuid key);
struct jg_status jg_rest_out_of_memory(void);
/* Parameter aliases of the query (OData 4.0 part 1, 11.2.5.1.3), in the arena; NULL at its cap. */
struct jg_filter_alias *jg_rest_aliases(const struct jg_odata_query *query, struct jg_arena *arena, size_t *ret_count);
/* Starts the call of ListJobs; it answers. Thread: any. */
void jg_rest_list_jobs(struct jg_rest_call *call);

/* delta.c */
/* $filter as a text for streams and deltas, with its aliases put in. Statuses are jg_filter_parse's. */
JG_MUST_CHECK struct jg_status jg_rest_stored_filter(const struct jg_app *app, const struct jg_odata_query *query,
                                                     struct jg_arena *arena, char **ret_text);
/* A GET with $deltatoken: the call lists changes. */
JG_MUST_CHECK struct jg_status jg_rest_set_delta_request(struct jg_rest_call *call);
/* A first page whose client wants a deltaLink: asks for its place in the log, and then for the page; it answers. False: nothing was
 * begun, the page is to be read as any other. */
JG_MUST_CHECK bool jg_rest_track(struct jg_rest_call *call);
/* Who follows changes must know whose they are: the id comes also if it is not selected. */
void jg_rest_keep_id(struct jg_rest_call *call);
/* Appends the answer of ListJobChanges; ,"@odata.deltaLink":"..." of a last page; a status in the words of delta links. */
void jg_rest_write_delta(const struct jg_rest_call *call, const struct jg_answer *answer, struct jg_str context,
                         struct jg_buf *out);
void jg_rest_write_delta_link(const struct jg_rest_call *call, struct jg_buf *out);
struct jg_status jg_rest_delta_status(struct jg_rest_call *call, struct jg_status status);

/* entity.c: the same for the sets beside Jobs. */
enum jg_method_index jg_rest_entity_method(const struct jg_http_request *request, const struct jg_rest_plan *plan);
JG_MUST_CHECK struct jg_status jg_rest_set_entity_request(struct jg_rest_call *call, enum jg_method_index method,
                                                          const struct jg_rest_plan *plan);

/* changes.c: a GET or HEAD of JG_REST_CHANGES; it answers. Thread: loop. */
void jg_rest_watch(struct jg_rest *rest, struct jg_http_request *request, const struct jg_rest_plan *plan);

/* answer.c: the end of a call. */
struct jg_rest_call {
  struct jg_call call; /* first: the sink gets this */
  struct jg_rest *rest;
  struct jg_http_request *http;
  const struct jg_entity *entity; /* of the set */
  struct jg_odata_query query;    /* in the request's arena */
  struct jg_rest_shape shape;
  struct jg_rest_wishes wishes;
  struct jg_str base;
  struct jg_rest_way way;           /* to `property` */
  const struct jg_member *property; /* the answer is this member alone; NULL: the job */
  bool raw;                         /* and that as bare text */
  bool count;                       /* the answer is the number of jobs, as bare text */
  bool delta;                       /* the answer is of ListJobChanges */
  size_t page_size;                 /* of a list; at most the server's */
  const char *page_preference;      /* by which it is smaller; NULL: none */
  const char *tracking;             /* the preference that was met; NULL: none. delta_token then */
  struct jg_str delta_token;        /* stands before what the pages show; data NULL: nobody wants it */
};
extern const struct jg_call_sink jg_rest_sink;

/* The entity that an answer shows: of the set, or the embedded one that the path names. */
static inline const struct jg_entity *jg_rest_shown(const struct jg_rest_target *target) {
  bool related = target->property != NULL && target->property->type == JG_TYPE_ENTITY;
  return related ? jg_entity((enum jg_kind)target->property->target) : target->entity;
}

/* number.c: puts the numbers of an answer, which is JSON, into quotes as IEEE754Compatible=true wants it. Thread: any. */
void jg_rest_quote_numbers(const struct jg_rest_call *call, struct jg_buf *body);

/* property.c: appends the member as its own answer. id: the job's. False: it, or what should hold it, is an embedded entity that
 * is not there. Thread: any. */
bool jg_rest_write_property(struct jg_rest_call *call, const struct jg_parts *parts, struct jg_str id,
                            struct jg_buf *out);

#endif
