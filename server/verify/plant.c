#include "server/verify/plant.h"

#include <string.h>

/* Revisions. */
#define REWIND_BY 3

static const char *const names[] = {"none",  "drop", "repeat", "reorder", "tear",
                                    "spoil", "leak", "rewind", "boast",   "relabel"};
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
    case JG_VERIFY_FAULT_BOAST:
      event =
          (struct jg_verify_event){.type = JG_VERIFY_BOOKMARK, .revision = event.revision, .job = JG_VERIFY_FOREIGN};
      break;
    case JG_VERIFY_FAULT_RELABEL:
      event.kind = event.kind == JG_VERIFY_UPDATED ? JG_VERIFY_ENTERED : JG_VERIFY_UPDATED;
      break;
    case JG_VERIFY_FAULT_REWIND:
    case JG_VERIFY_FAULT_NONE:
    case JG_VERIFY_FAULT_COUNT:
      break;
  }
  jg_verify_record(watcher, &event);
}

void jg_verify_plant_record(struct jg_verify_plant *plant, struct jg_verify_watcher *watcher,
                            const struct jg_verify_event *event) {
  bool own_change = event->type == JG_VERIFY_CHANGE && event->job != JG_VERIFY_FOREIGN;
  bool resumes = event->type == JG_VERIFY_OPENED && event->kind == JG_VERIFY_TOKEN;
  if (plant->fault == JG_VERIFY_FAULT_REWIND && resumes && event->revision > REWIND_BY) {
    struct jg_verify_event earlier = *event;
    earlier.revision -= REWIND_BY;
    jg_verify_record(watcher, &earlier);
    return;
  }
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
