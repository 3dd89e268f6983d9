/* Cuts a stream of JSON values into jobs without holding more than one: a value is a job (object), an array of jobs, or an
 * OData envelope (an object whose member "value" is an array). Pure state machine: bytes in, job texts out. Thread: its owner's. */
#ifndef JG_PROTO_CODEC_JSON_SPLIT_H
#define JG_PROTO_CODEC_JSON_SPLIT_H

#include "base/buf.h"
#include "base/status.h"

struct jg_json_split;

/* value_bytes_max: of one job's text. */
struct jg_json_split *jg_json_split_create(size_t value_bytes_max);
void jg_json_split_destroy(struct jg_json_split *split);

/* Called for each job: its text (borrowed during the call), number (from 1) and the line (from 1) it starts on. Returning an
 * error ends the feed with it. */
typedef struct jg_status (*jg_json_split_job)(struct jg_str text, int64_t number, int64_t line, void *data);

/* Takes any cut of the stream. INVALID_ARGUMENT naming number and line when the text cannot be a sequence of values (the rest
 * is then unreadable), when one is too long, or when an envelope's context says that it holds no jobs. A text that is malformed inside a job is still handed over: its decoder says
 * what is wrong. */
JG_MUST_CHECK struct jg_status jg_json_split_feed(struct jg_json_split *split, struct jg_str bytes,
                                                  struct jg_arena *arena, jg_json_split_job job, void *data);
/* The end of the stream: INVALID_ARGUMENT if a value is open. */
JG_MUST_CHECK struct jg_status jg_json_split_end(struct jg_json_split *split, struct jg_arena *arena);
/* The last envelope so far named a next page (json_control.h): unless that follows, there are more jobs than these. */
bool jg_json_split_more(const struct jg_json_split *split);

#endif
