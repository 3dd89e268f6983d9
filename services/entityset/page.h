/* One page of a set that is small enough to be looked at row by row (embedded entities of a kind, planned visits): filter,
 * order, skip, count and tokens by services/filter's predicate, over whatever rows a callback reads.
 * Time: without order and count, until the page is full and one more row is found; else all rows that the callback brings. Memory: the page, and
 * for an order the keys of the rows up to its end. Threads: parse any; read the transaction's. */
#ifndef JG_SERVICES_ENTITYSET_PAGE_H
#define JG_SERVICES_ENTITYSET_PAGE_H

#include "services/call.h"
#include "storage/filter.h"

/* What the callback is to read: rows by id, or the one of an id. */
struct jg_entityset_want {
  bool exact;     /* the row of `id` alone */
  bool has_after; /* else: those behind `id` */
  struct jg_uuid id;
  size_t limit, bytes_max; /* as in jg_entity_query */
};
/* Rows with id and payload, in the arena. The record's statuses. */
typedef struct jg_status (*jg_entityset_read)(struct jg_txn *txn, const struct jg_entityset_want *want,
                                              struct jg_arena *arena, struct jg_entity_rows *ret_rows, void *data);

/* Told while the request is parsed, of each `member eq literal` that all rows of the filter have: the callback above may then
 * leave out rows that have not, by an index of the record. The literal lives in the call's arena. */
typedef void (*jg_entityset_equal)(const struct jg_member *member, const struct jg_filter *literal, void *data);

/* A page. Everything in the call's arena. */
struct jg_entityset_rows {
  struct jg_parts *parts; /* with all relations */
  size_t count;
  char **reduced_ids; /* of those that show less than was asked, as they are more than a message */
  size_t reduced_count;
  struct jg_str next_page_token; /* empty: nothing is left */
  int64_t total;                 /* with count: all that match */
};
/* The page as the method's response: kind and message of the answer, in the call's arena. */
typedef struct jg_status (*jg_entityset_write)(const struct jg_entityset_rows *rows, struct jg_answer *ret_answer,
                                               void *data);

/* A request, as ListEntities has it. Borrows until the call's end. */
struct jg_entityset_list {
  const struct jg_entity *entity;
  const char *filter, *order_by, *page_token;
  int32_t page_size, skip;
  bool count;
  uint64_t seed;            /* keeps tokens of this set and of others apart */
  jg_entityset_equal equal; /* NULL: nobody asks */
  jg_entityset_read read;
  jg_entityset_write write;
  void *data;
};

/* Reads a page on a reader and ends the call with it: as parts, where its transport takes them, else as `write` makes it.
 * INVALID_ARGUMENT, UNIMPLEMENTED: naming the member, or the option ($filter) if the call has odata_names; CANCELLED;
 * INVALID_ARGUMENT or RESOURCE_EXHAUSTED/LIMIT_EXCEEDED: keys that are too much to order; the record's. */
void jg_entityset_page_answer(struct jg_call *call, const struct jg_entityset_list *list);

#endif
