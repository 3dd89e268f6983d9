/* A bounded queue between threads; the only thing that crosses them (STYLE, Threads). Intrusive: no allocation. */
#ifndef JG_BASE_QUEUE_H
#define JG_BASE_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* First member of whatever is queued; an item is in one queue at a time. */
struct jg_queue_node {
  struct jg_queue_node *next;
};

struct jg_queue {
  pthread_mutex_t mutex;
  pthread_cond_t not_empty; /* on the monotonic clock */
  struct jg_queue_node *head, *tail;
  size_t count, count_max;
  bool closed;
  void (*notify)(void *data); /* NULL, or called after an append that found the queue empty; e.g. uv_async_send */
  void *notify_data;
};

/* count_max > 0. notify runs on the posting thread, outside the lock. */
void jg_queue_init(struct jg_queue *queue, size_t count_max, void (*notify)(void *data), void *data);
void jg_queue_done(struct jg_queue *queue); /* must be empty */
/* Takes the node. RESOURCE_EXHAUSTED/OVERLOADED when full, UNAVAILABLE/DRAINING when closed; the node is then the caller's. */
JG_MUST_CHECK struct jg_status jg_queue_post(struct jg_queue *queue, struct jg_queue_node *node);
/* The oldest node, waiting for it; NULL when closed and empty, or after timeout_ns (< 0: forever). */
struct jg_queue_node *jg_queue_take(struct jg_queue *queue, int64_t timeout_ns);
/* The whole list in order, NULL if empty; up to count_max of them (0: all). Never waits. */
struct jg_queue_node *jg_queue_take_all(struct jg_queue *queue, size_t count_max);
/* Wakes every taker; later posts fail. */
void jg_queue_close(struct jg_queue *queue);
size_t jg_queue_count(struct jg_queue *queue);

#endif
