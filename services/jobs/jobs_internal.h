/* Included by the handlers of services/jobs alone: what several of them do. */
#ifndef JG_SERVICES_JOBS_JOBS_INTERNAL_H
#define JG_SERVICES_JOBS_JOBS_INTERNAL_H

#include "jobgate/v1/job_service.pb-c.h"
#include "services/call.h"
#include "services/expand/expand.h"
#include "services/jobs/mask.h"

/* INVALID_ARGUMENT naming `field` unless text is the id of something: a GUID that is not zero. */
JG_MUST_CHECK struct jg_status jg_jobs_parse_id(struct jg_call *call, const char *text, const char *field,
                                                struct jg_uuid *ret_id);
struct jg_status jg_jobs_not_found(struct jg_call *call, struct jg_uuid id);
/* FULL or not; INVALID_ARGUMENT for a number that is no view. mask: decides with an unspecified view, unless it is "all". */
JG_MUST_CHECK struct jg_status jg_jobs_view(struct jg_call *call, Jobgate__V1__JobView view, bool unspecified_is_full,
                                            const struct jg_read_mask *mask, bool *ret_nodes);
/* A request's read_mask; INVALID_ARGUMENT naming it. */
JG_MUST_CHECK static inline struct jg_status jg_jobs_read_mask(struct jg_call *call,
                                                               const Google__Protobuf__FieldMask *mask,
                                                               struct jg_read_mask *ret_mask) {
  return jg_read_mask_read(mask != NULL ? mask->paths : NULL, mask != NULL ? mask->n_paths : 0, &call->arena, ret_mask);
}
struct jg_status jg_jobs_out_of_arena(void);
/* True if nobody waits any more; the call was then ended. */
bool jg_jobs_ended_early(struct jg_call *call);
/* What a read found. */
struct jg_jobs_page {
  const struct jg_job_row *rows;
  struct jg_parts *parts; /* of rows, expanded */
  size_t count;
  size_t bytes_max; /* of payloads, the parents' too; fit: of the response */
};

/* ---- fit.c ---- */

/* The id in the call's arena, NULL if that is full. */
char *jg_jobs_id_text(struct jg_call *call, struct jg_uuid id);

/* Jobs of an answer that show less than was asked, in the arena. */
struct jg_jobs_reduced {
  char **ids;
  size_t count;
};
/* Leaves in page->count the jobs that come before the response reaches bytes_max (0: no limit), at least one of them. One that is
 * larger alone would make a message that clients refuse, and no list would get past it: it loses its embedded entities, or all
 * but id, revision and etag, unless the transport takes any size. */
JG_MUST_CHECK struct jg_status jg_jobs_fit(struct jg_call *call, struct jg_jobs_page *page, bool nodes,
                                           struct jg_jobs_reduced *ret_reduced);

/* ---- parents.c ---- */

/* Gives each job its parent, in the jobs' own transaction; one that has none, or whose parent is not in the record, gets none.
 * Leaves in page->count the jobs that fit, at least one of them. Thread: store. */
JG_MUST_CHECK struct jg_status jg_jobs_parents(struct jg_call *call, struct jg_txn *txn, struct jg_jobs_page *page);

/* ---- request.c: first answers to requests with an id of their own (AIP-155). Thread: store, but for read ---- */

/* A request's id and what the request was. */
struct jg_jobs_request {
  bool given;
  struct jg_uuid id;
  uint8_t hash[16];
};
/* text: request_id, may be empty; message: what makes two requests the same. INVALID_ARGUMENT naming request_id. */
JG_MUST_CHECK struct jg_status jg_jobs_request_read(struct jg_call *call, const char *text,
                                                    const ProtobufCMessage *message,
                                                    struct jg_jobs_request *ret_request);
/* The first answer, as it was. NOT_FOUND: there is none, or it is too old. INVALID_ARGUMENT: it answered another request. */
JG_MUST_CHECK struct jg_status jg_jobs_request_find(struct jg_call *call, struct jg_txn *txn,
                                                    const struct jg_jobs_request *request, struct jg_parts *ret_parts);
JG_MUST_CHECK struct jg_status jg_jobs_request_keep(struct jg_call *call, struct jg_txn *txn,
                                                    const struct jg_jobs_request *request,
                                                    const struct jg_parts *parts);

#endif
