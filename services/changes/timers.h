/* Deadlines in a binary heap: the earliest is on top. Thread: its owner's, or under its owner's lock. */
#ifndef JG_SERVICES_CHANGES_TIMERS_H
#define JG_SERVICES_CHANGES_TIMERS_H

#include <stddef.h>
#include <stdint.h>

/* Lives in its owner's struct; in one heap at a time. */
struct jg_timer {
  int64_t due_ns;
  size_t place; /* the heap's: 0: in none, else index + 1 */
};

/* A plain value; the members are the heap's own. Zeroed: empty. */
struct jg_timers {
  struct jg_timer **heap;
  size_t count, capacity;
};

void jg_timers_done(struct jg_timers *timers); /* must be empty */
/* Adds it, or moves it if it is in already. */
void jg_timers_set(struct jg_timers *timers, struct jg_timer *timer, int64_t due_ns);
/* Nothing if it is in no heap. */
void jg_timers_remove(struct jg_timers *timers, struct jg_timer *timer);
/* The earliest, or NULL; it stays in. */
struct jg_timer *jg_timers_first(const struct jg_timers *timers);

#endif
