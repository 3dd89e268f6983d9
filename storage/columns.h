/* The filter columns of a row, taken from its payload: every member with JG_MEMBER_COLUMN. The payload is the only truth;
 * a column is a copy that SQL can search. Thread: any. */
#ifndef JG_STORAGE_COLUMNS_H
#define JG_STORAGE_COLUMNS_H

#include "base/status.h"
#include "base/uuid.h"
#include "proto/schema/schema.h"

enum jg_column_type { JG_COLUMN_INTEGER, JG_COLUMN_REAL, JG_COLUMN_TEXT, JG_COLUMN_GUID };

struct jg_column {
  const struct jg_member *member; /* proto_name is the column's name */
  enum jg_column_type type;
  int64_t integer;     /* INTEGER: integers, booleans (0, 1), dates in ticks (absent: JG_TICKS_UNSET) */
  double real;         /* REAL; absent: 0 */
  struct jg_str text;  /* TEXT: borrows the payload; absent: empty */
  struct jg_uuid guid; /* GUID: absent or empty: zero */
};

/* In the order of the members. */
struct jg_columns {
  struct jg_column items[JG_MEMBERS_MAX];
  size_t count;
};

/* The columns of an entity with their absent values. */
void jg_columns_init(const struct jg_entity *entity, struct jg_columns *ret_columns);
/* As they stand in the payload, which is borrowed as long as ret_columns is used. Of a repeated field the last counts, as
 * protobuf has it. INTERNAL if the payload is no message of that entity: payloads are made by us. */
JG_MUST_CHECK struct jg_status jg_columns_take(const struct jg_entity *entity, struct jg_str payload,
                                               struct jg_columns *ret_columns);
/* One member as it stands in the payload, whether it has a column or not; no entity and no list. Fields ascend by number.
 * INTERNAL if the payload is malformed up to there. */
JG_MUST_CHECK struct jg_status jg_columns_member(const struct jg_member *member, struct jg_str payload,
                                                 struct jg_column *ret_column);
/* The item of one member, or NULL if it has no column. */
const struct jg_column *jg_columns_find(const struct jg_columns *columns, uint8_t member_index);

#endif
