// What an answer shows of a job (statements 3, 41 and 44).

#include "bridge/rest/rest_internal.h"

struct jg_status jg_rest_shape_of(const struct jg_entity *entity, const struct jg_odata_query *query, bool embed,
                                  struct jg_arena *arena, struct jg_rest_shape *ret_shape) {
  const uint64_t nodes = jg_odata_nodes(entity);
  struct jg_rest_shape shape = {.selected = query->select.data != NULL};
  uint64_t expanded = 0;
  if (shape.selected) {
    JG_RETURN_IF_ERROR(jg_odata_select_parse(query->select, entity, arena, &shape.selection));
  }
  if (query->expand.data != NULL) {
    JG_RETURN_IF_ERROR(jg_odata_expand_parse(query->expand, entity, arena, &expanded));
  }
  shape.members = shape.selection.members | expanded;
  if (!shape.selected || shape.selection.all) {
    shape.members |= embed ? UINT64_MAX : ~nodes;
  }
  shape.nodes = (shape.members & nodes) != 0;
  // All members, with all embedded entities or none, is what the encoder does best.
  shape.some = (shape.members | nodes) != UINT64_MAX || (shape.nodes && (shape.members & nodes) != nodes);
  *ret_shape = shape;
  return JG_STATUS_OK;
}
