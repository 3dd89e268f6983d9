/* Tells writes that they are durable, while the writer runs the next ones: what an answer costs (a response encoded, and sent
 * over sockets) would else be waited for by every write behind it. */
#include <pthread.h>

#include "storage/sqlite/sqlite_internal.h"

#define TELLER_MAGIC 0x6a677465u /* "jgte" */

/* Writes of one commit. */
struct list {
  struct jg_queue_node node; /* in `full` or `empty` */
  struct jg_queue_node *first;
};

struct jg_sqlite_teller {
  uint32_t magic;
  pthread_t thread;
  struct list list; /* one: who gives the next waits for its end, so that there is a bound */
  struct jg_queue full, empty;
};

static void post(struct jg_queue *queue, struct list *list) {
  JG_ASSERT(jg_status_ok(jg_queue_post(queue, &list->node)));  // there is one for each place
}

static void *teller_main(void *data) {
  struct jg_sqlite_teller *teller = data;
  JG_ASSERT(teller->magic == TELLER_MAGIC);
  while (jg_queue_take(&teller->full, -1) != NULL) {
    struct jg_queue_node *node = teller->list.first;
    while (node != NULL) {
      struct jg_store_write *write = (struct jg_store_write *)node;
      node = node->next;
      write->done(JG_STATUS_OK, write->data);  // write may be gone now
    }
    post(&teller->empty, &teller->list);
  }
  return NULL;
}

struct jg_sqlite_teller *jg_sqlite_teller_start(void) {
  struct jg_sqlite_teller *teller = jg_alloc_zero(1, sizeof(*teller));
  teller->magic = TELLER_MAGIC;
  jg_queue_init(&teller->full, 1, NULL, NULL);
  jg_queue_init(&teller->empty, 1, NULL, NULL);
  post(&teller->empty, &teller->list);
  JG_ASSERT(pthread_create(&teller->thread, NULL, teller_main, teller) == 0);
  return teller;
}

void jg_sqlite_teller_stop(struct jg_sqlite_teller *teller) {
  JG_ASSERT(teller->magic == TELLER_MAGIC);
  jg_queue_close(&teller->full);
  JG_ASSERT(pthread_join(teller->thread, NULL) == 0);
  JG_ASSERT(jg_queue_take(&teller->empty, 0) != NULL);
  jg_queue_done(&teller->full);
  jg_queue_done(&teller->empty);
  teller->magic = 0;
  jg_free(teller);
}

bool jg_sqlite_teller_is_idle(struct jg_sqlite_teller *teller) {
  return jg_queue_count(&teller->empty) == 1;
}

void jg_sqlite_teller_give(struct jg_sqlite_teller *teller, struct jg_queue_node *first) {
  JG_ASSERT(jg_queue_take(&teller->empty, -1) != NULL);
  teller->list.first = first;
  post(&teller->full, &teller->list);
}

void jg_sqlite_teller_settle(struct jg_sqlite_teller *teller) {
  JG_ASSERT(jg_queue_take(&teller->empty, -1) != NULL);
  post(&teller->empty, &teller->list);
}
