/* Generated jobs: deterministic, realistic legacy JSON for trying, testing and measuring.
 * Job `index` of a seed is the same whatever the number of jobs asked for; entities are shared by many jobs, as in life.
 * All statuses, Unicode, empty and maximal lengths, dates of several precisions occur. Thread: any. */
#ifndef JG_SERVICES_SAMPLE_SAMPLE_H
#define JG_SERVICES_SAMPLE_SAMPLE_H

#include "base/buf.h"
#include "proto/schema/schema.h"

/* Appends job `index` (from 0) as one line of compact JSON with its embedded entities, and a line feed. The buffer's maximum
 * must be 256 KiB or more. */
void jg_sample_job(uint64_t seed, uint64_t index, struct jg_buf *out);

/* The id that the generator gives to thing `index` of a kind. */
struct jg_str jg_sample_id(uint64_t seed, enum jg_kind kind, uint64_t index, char out[36]);

#endif
