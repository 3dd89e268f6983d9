/* Limits on everything a caller can grow. Each has a status and a test. */
#ifndef JG_BASE_LIMITS_H
#define JG_BASE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#define JG_LIMIT_CALL_ARENA_BYTES (64u << 20)   /* memory of one call */
#define JG_LIMIT_BODY_BYTES (1u << 20)          /* one HTTP body or gRPC request: 413 / INVALID_ARGUMENT */
#define JG_LIMIT_IMPORT_VALUE_BYTES (64u << 20) /* one JSON value of an import that is not an array or envelope */
#define JG_LIMIT_HEADER_BYTES (16u << 10)       /* all header fields of a request: 431 */
#define JG_LIMIT_TARGET_BYTES (8u << 10)        /* an HTTP request target: 414 */
#define JG_LIMIT_JSON_DEPTH 64                  /* nesting of JSON input */
#define JG_LIMIT_PAGE_SIZE 1000                 /* --page-size; page_size of gRPC's lists, which more counts as */
#define JG_LIMIT_PAGE_SIZE_DEFAULT 100          /* contract statement 23 */
#define JG_LIMIT_BATCH_IDS 1000                 /* BatchGetJobs.ids */
#define JG_LIMIT_RESPONSE_BYTES (3u << 20)      /* a gRPC message of a list, batch or change stream */
#define JG_LIMIT_HTTP_CONNECTIONS 10000         /* then accept pauses */
#define JG_LIMIT_HTTP_PIPELINE 64               /* requests read ahead on one connection; then reading pauses */
#define JG_LIMIT_WRITE_QUEUE 16384              /* writes waiting for the writer: UNAVAILABLE */
#define JG_LIMIT_READ_QUEUE 16384               /* reads waiting for a reader: UNAVAILABLE */
#define JG_LIMIT_WRITE_BATCH 512                /* writes in one group commit */
#define JG_LIMIT_WATCH_STREAMS 20000            /* open WatchJobs streams: RESOURCE_EXHAUSTED */
#define JG_LIMIT_HUB_RING_BYTES (64u << 20)     /* encoded changes kept for streams at the tail */
#define JG_LIMIT_HUB_OUT_BYTES (128u << 20)     /* messages read for single streams that these have not taken */
#define JG_LIMIT_CACHE_BYTES (256u << 20)       /* in-process cache of expanded entities */
#define JG_LIMIT_ANSWER_BYTES (64u << 20)       /* ready answers of single jobs */
#define JG_LIMIT_CACHE_VALUE_BYTES (4u << 20)   /* one expanded entity, either form */
#define JG_LIMIT_UNKNOWN_BYTES 4096             /* user bytes quoted in an error message are capped well below this */

/* Rows of a page of which a caller asked for so many, not negative: 0 is the default, and more than the limit is the limit, since
 * who asks for all there is wants no error (AIP-158). */
static inline size_t jg_limit_page_size(int32_t asked) {
  if (asked == 0) {
    return JG_LIMIT_PAGE_SIZE_DEFAULT;
  }
  return asked < JG_LIMIT_PAGE_SIZE ? (size_t)asked : JG_LIMIT_PAGE_SIZE;
}

#endif
