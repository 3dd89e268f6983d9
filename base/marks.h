/* Monotone marks: for each key the newest number that it was raised to, in fixed memory. Keys that share a slot share the
 * greater number, so a mark is never too low. Lock-free. Thread: any. */
#ifndef JG_BASE_MARKS_H
#define JG_BASE_MARKS_H

#include <stddef.h>
#include <stdint.h>

struct jg_marks;

/* slots: a power of two, 8 bytes each; all marks begin at 0. */
struct jg_marks *jg_marks_create(size_t slots);
void jg_marks_destroy(struct jg_marks *marks); /* NULL is allowed */
/* key: any 64 bits, mixed here. What the caller wrote before is seen by whoever gets this value. */
void jg_marks_raise(struct jg_marks *marks, uint64_t key, int64_t value);
int64_t jg_marks_get(const struct jg_marks *marks, uint64_t key);

#endif
