#include "server/verify/plant.h"

#include <string.h>

static const char *const names[] = {"none", "drop", "repeat", "reorder", "tear", "spoil", "leak"};
_Static_assert(JG_COUNT(names) == JG_VERIFY_FAULT_COUNT, "a name for each fault");

enum jg_verify_fault jg_verify_fault_parse(const char *name) {
  size_t i = 0;
  while (strcmp(names[i], name) != 0) {
    i++;
    JG_ASSERT(i < JG_COUNT(names));
  }
  return (enum jg_verify_fault)i;
}

static void damage(struct jg_verify_plant *plant, struct jg_verify_watcher *watcher, struct jg_verify_event event) {
  switch (plant->fault) {
    case JG_VERIFY_FAULT_DROP:
      return;
    case JG_VERIFY_FAULT_REPEAT:
      jg_verify_record(watcher, &event);
      break;
    case JG_VERIFY_FAULT_REORDER:
      plant->held = true;
      plant->waiting = event;
      return;
    case JG_VERIFY_FAULT_TEAR:
      event.last = !event.last;
      break;
    case JG_VERIFY_FAULT_SPOIL:
      event.version++;
      break;
    case JG_VERIFY_FAULT_LEAK:
      event.stranger = true;
      break;
    case JG_VERIFY_FAULT_NONE:
    case JG_VERIFY_FAULT_COUNT:
      break;
  }
  jg_verify_record(watcher, &event);
}

void jg_verify_plant_record(struct jg_verify_plant *plant, struct jg_verify_watcher *watcher,
                            const struct jg_verify_event *event) {
  bool own_change = event->type == JG_VERIFY_CHANGE && event->job != JG_VERIFY_FOREIGN;
  if (plant->held) {
    jg_verify_record(watcher, event);
    jg_verify_record(watcher, &plant->waiting);
    plant->held = false;
  } else if (own_change && plant->fault != JG_VERIFY_FAULT_NONE && ++plant->seen % plant->period == 0) {
    damage(plant, watcher, *event);
  } else {
    jg_verify_record(watcher, event);
  }
}
