/* The handlers of EntityService's methods: the entities that jobs embed, as a set of their own. */
#ifndef JG_SERVICES_ENTITYSET_ENTITYSET_H
#define JG_SERVICES_ENTITYSET_ENTITYSET_H

#include "services/call.h"

void jg_entityset_get(struct jg_call *call);
void jg_entityset_list(struct jg_call *call);
void jg_entityset_upsert(struct jg_call *call);
void jg_entityset_delete(struct jg_call *call);

#endif
