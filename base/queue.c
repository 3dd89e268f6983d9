#include "base/queue.h"

#include <errno.h>
#include <time.h>

#define NS_PER_SECOND INT64_C(1000000000)

void jg_queue_init(struct jg_queue *queue, size_t count_max, void (*notify)(void *data), void *data) {
  JG_ASSERT(count_max > 0);
  *queue = (struct jg_queue){.count_max = count_max, .notify = notify, .notify_data = data};
  pthread_condattr_t attributes;
  JG_ASSERT(pthread_condattr_init(&attributes) == 0);
  // A wall clock that steps must not shorten or stretch a wait.
  JG_ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
  JG_ASSERT(pthread_cond_init(&queue->not_empty, &attributes) == 0);
  JG_ASSERT(pthread_condattr_destroy(&attributes) == 0);
  JG_ASSERT(pthread_mutex_init(&queue->mutex, NULL) == 0);
}

void jg_queue_done(struct jg_queue *queue) {
  JG_ASSERT(queue->head == NULL);
  JG_ASSERT(pthread_cond_destroy(&queue->not_empty) == 0);
  JG_ASSERT(pthread_mutex_destroy(&queue->mutex) == 0);
}

static void lock(struct jg_queue *queue) {
  JG_ASSERT(pthread_mutex_lock(&queue->mutex) == 0);
}

static void unlock(struct jg_queue *queue) {
  JG_ASSERT(pthread_mutex_unlock(&queue->mutex) == 0);
}

struct jg_status jg_queue_post(struct jg_queue *queue, struct jg_queue_node *node) {
  lock(queue);
  if (queue->closed || queue->count >= queue->count_max) {
    bool closed = queue->closed;
    unlock(queue);
    return closed ? jg_status_make(JG_UNAVAILABLE, JG_REASON_DRAINING, "the server is shutting down")
                  : jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_OVERLOADED, "too much work is waiting");
  }
  node->next = NULL;
  bool was_empty = queue->head == NULL;
  if (was_empty) {
    queue->head = node;
  } else {
    queue->tail->next = node;
  }
  queue->tail = node;
  queue->count++;
  // A taker may free the queue's owner once the lock is gone: keep what the notification needs.
  void (*notify)(void *data) = was_empty ? queue->notify : NULL;
  void *data = queue->notify_data;
  JG_ASSERT(pthread_cond_signal(&queue->not_empty) == 0);
  unlock(queue);
  if (notify != NULL) {
    notify(data);
  }
  return JG_STATUS_OK;
}

/* Cuts off the first `count` nodes, at most all. The lock is held. */
static struct jg_queue_node *cut(struct jg_queue *queue, size_t count) {
  struct jg_queue_node *first = queue->head;
  if (count >= queue->count) {
    queue->head = queue->tail = NULL;
    queue->count = 0;
    return first;
  }
  struct jg_queue_node *last = first;
  for (size_t i = 1; i < count; i++) {
    last = last->next;
  }
  queue->head = last->next;
  queue->count -= count;
  last->next = NULL;
  return first;
}

static struct timespec monotonic_after(int64_t timeout_ns) {
  struct timespec at;
  JG_ASSERT(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
  at.tv_sec += (time_t)(timeout_ns / NS_PER_SECOND);
  at.tv_nsec += (long)(timeout_ns % NS_PER_SECOND);
  if (at.tv_nsec >= NS_PER_SECOND) {
    at.tv_nsec -= NS_PER_SECOND;
    at.tv_sec++;
  }
  return at;
}

struct jg_queue_node *jg_queue_take(struct jg_queue *queue, int64_t timeout_ns) {
  struct timespec until = {0};
  if (timeout_ns > 0) {
    until = monotonic_after(timeout_ns);
  }
  lock(queue);
  while (queue->head == NULL && !queue->closed && timeout_ns != 0) {
    int error = timeout_ns < 0 ? pthread_cond_wait(&queue->not_empty, &queue->mutex)
                               : pthread_cond_timedwait(&queue->not_empty, &queue->mutex, &until);
    if (error == ETIMEDOUT) {
      break;
    }
    JG_ASSERT(error == 0);
  }
  struct jg_queue_node *node = queue->head != NULL ? cut(queue, 1) : NULL;
  unlock(queue);
  return node;
}

struct jg_queue_node *jg_queue_take_all(struct jg_queue *queue, size_t count_max) {
  lock(queue);
  struct jg_queue_node *first = queue->head != NULL ? cut(queue, count_max != 0 ? count_max : SIZE_MAX) : NULL;
  unlock(queue);
  return first;
}

void jg_queue_close(struct jg_queue *queue) {
  lock(queue);
  queue->closed = true;
  JG_ASSERT(pthread_cond_broadcast(&queue->not_empty) == 0);
  unlock(queue);
}

size_t jg_queue_count(struct jg_queue *queue) {
  lock(queue);
  size_t count = queue->count;
  unlock(queue);
  return count;
}
