// CSDL XML 4.0 (OData Version 4.0 part 3) from the schema tables (contract section 4, statement 96).

#include "bridge/meta/meta_internal.h"

#define NAMESPACE "jobgate"

/* By enum jg_type; NULL: not a primitive. */
static const char *const edm_types[] = {
    [JG_TYPE_STRING] = "Edm.String", [JG_TYPE_GUID] = "Edm.Guid",           [JG_TYPE_INTEGER] = "Edm.Int32",
    [JG_TYPE_BOOL] = "Edm.Boolean",  [JG_TYPE_DATE] = "Edm.DateTimeOffset", [JG_TYPE_DECIMAL] = "Edm.Decimal",
    [JG_TYPE_ENTITY] = NULL,         [JG_TYPE_ENTITY_LIST] = NULL,
};

static void write_description(struct jg_str doc, const char *indent, struct jg_buf *out) {
  if (doc.len == 0) {
    return;
  }
  jg_buf_printf(out, "%s<Annotation Term=\"Core.Description\" String=\"", indent);
  jg_meta_escape(jg_meta_doc(doc), out);
  jg_buf_append_str(out, JG_STR("\"/>\n"));
}

static void write_facets(const struct jg_member *member, struct jg_buf *out) {
  // No null is ever answered (statement 16).
  jg_buf_append_str(out, JG_STR(" Nullable=\"false\""));
  if (member->max_utf16 != 0) {
    jg_buf_printf(out, " MaxLength=\"%u\"", (unsigned)member->max_utf16);
  }
  if (member->type == JG_TYPE_DATE) {
    jg_buf_append_str(out,
                      member->flags & JG_MEMBER_DATE_ONLY ? JG_STR(" Precision=\"0\"") : JG_STR(" Precision=\"7\""));
  } else if (member->type == JG_TYPE_DECIMAL) {
    jg_buf_append_str(out, JG_STR(" Scale=\"variable\""));
  }
}

static void write_property(const struct jg_member *member, struct jg_buf *out) {
  jg_buf_printf(out, "        <Property Name=\"%.*s\" Type=\"", JG_STR_ARG(member->name));
  if (member->type == JG_TYPE_ENTITY_LIST) {
    jg_buf_printf(out, "Collection(" NAMESPACE ".%.*s)", JG_STR_ARG(jg_entity(member->target)->name));
  } else {
    jg_buf_append_str(out, jg_str_from_cstr(edm_types[member->type]));
  }
  jg_buf_append_char(out, '"');
  write_facets(member, out);
  jg_buf_append_str(out, JG_STR(">\n"));
  write_description(member->doc, "          ", out);
  if (member->flags & (JG_MEMBER_READ_ONLY | JG_MEMBER_SERVER_MANAGED)) {
    jg_buf_append_str(out, JG_STR("          <Annotation Term=\"Core.Computed\" Bool=\"true\"/>\n"));
  }
  jg_buf_append_str(out, JG_STR("        </Property>\n"));
}

/* No ReferentialConstraint: part 3, 7.2 allows none between an id that is never null and a navigation property that may be
 * (an id of zeros has no entity), and clients that validate the model refuse it. */
static void write_navigation(const struct jg_member *member, struct jg_buf *out) {
  jg_buf_printf(out, "        <NavigationProperty Name=\"%.*s\" Type=\"" NAMESPACE ".%.*s\">\n",
                JG_STR_ARG(member->name), JG_STR_ARG(jg_entity(member->target)->name));
  write_description(member->doc, "          ", out);
  jg_buf_append_str(out, JG_STR("        </NavigationProperty>\n"));
}

static bool is_navigation(const struct jg_member *member) {
  return member->type == JG_TYPE_ENTITY && !jg_meta_is_value(jg_entity(member->target));
}

static void write_type(const struct jg_entity *entity, struct jg_buf *out) {
  const char *element = jg_meta_is_value(entity) ? "ComplexType" : "EntityType";
  jg_buf_printf(out, "      <%s Name=\"%.*s\">\n", element, JG_STR_ARG(entity->name));
  if (!jg_meta_is_value(entity)) {
    jg_buf_printf(out, "        <Key>\n          <PropertyRef Name=\"%.*s\"/>\n        </Key>\n",
                  JG_STR_ARG(entity->members[entity->id_member].name));
  }
  for (size_t i = 0; i < entity->member_count; i++) {
    if (is_navigation(&entity->members[i])) {
      write_navigation(&entity->members[i], out);
    } else {
      write_property(&entity->members[i], out);
    }
  }
  write_description(entity->doc, "        ", out);
  jg_buf_printf(out, "      </%s>\n", element);
}

/* The set of an entity that is navigated to, if it is routed. */
static const struct jg_entity *set_of(const enum jg_kind *sets, size_t set_count, const struct jg_member *member) {
  const struct jg_entity *target = jg_entity(member->target);
  for (size_t i = 0; i < set_count; i++) {
    const struct jg_entity *entity = jg_entity(sets[i]);
    if (jg_str_equal(entity->name, target->name)) {
      return entity;
    }
  }
  return NULL;
}

/* In the vocabulary of OData 4.0 (Org.OData.Capabilities.V1); a client that does not know it passes over it. */
static void write_restrictions(struct jg_buf *out) {
  static const char *const restrictions[][2] = {
      {"InsertRestrictions", "Insertable"}, {"UpdateRestrictions", "Updatable"}, {"DeleteRestrictions", "Deletable"}};
  for (size_t i = 0; i < JG_COUNT(restrictions); i++) {
    jg_buf_printf(out,
                  "          <Annotation Term=\"Capabilities.%s\">\n            <Record>\n"
                  "              <PropertyValue Property=\"%s\" Bool=\"false\"/>\n"
                  "            </Record>\n          </Annotation>\n",
                  restrictions[i][0], restrictions[i][1]);
  }
}

static void write_container(const enum jg_kind *sets, size_t set_count, struct jg_buf *out) {
  jg_buf_append_str(out, JG_STR("      <EntityContainer Name=\"Container\">\n"));
  for (size_t i = 0; i < set_count; i++) {
    const struct jg_entity *entity = jg_entity(sets[i]);
    JG_ASSERT(entity->entity_set.len != 0);
    jg_buf_printf(out, "        <EntitySet Name=\"%.*s\" EntityType=\"" NAMESPACE ".%.*s\">\n",
                  JG_STR_ARG(entity->entity_set), JG_STR_ARG(entity->name));
    for (size_t m = 0; m < entity->member_count; m++) {
      const struct jg_member *member = &entity->members[m];
      const struct jg_entity *target = is_navigation(member) ? set_of(sets, set_count, member) : NULL;
      if (target != NULL) {
        jg_buf_printf(out, "          <NavigationPropertyBinding Path=\"%.*s\" Target=\"%.*s\"/>\n",
                      JG_STR_ARG(member->name), JG_STR_ARG(target->entity_set));
      }
    }
    if (jg_meta_is_read_only(entity)) {
      write_restrictions(out);
    }
    jg_buf_append_str(out, JG_STR("        </EntitySet>\n"));
  }
  jg_buf_append_str(out, JG_STR("      </EntityContainer>\n"));
}

void jg_meta_write_csdl(const enum jg_kind *sets, size_t set_count, struct jg_buf *out) {
  jg_buf_append_str(
      out, JG_STR("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                  "<edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\">\n"
                  "  <edmx:Reference Uri=\"http://docs.oasis-open.org/odata/odata/v4.0/os/vocabularies/"
                  "Org.OData.Core.V1.xml\">\n"
                  "    <edmx:Include Namespace=\"Org.OData.Core.V1\" Alias=\"Core\"/>\n"
                  "  </edmx:Reference>\n"
                  "  <edmx:Reference Uri=\"http://docs.oasis-open.org/odata/odata/v4.0/os/vocabularies/"
                  "Org.OData.Capabilities.V1.xml\">\n"
                  "    <edmx:Include Namespace=\"Org.OData.Capabilities.V1\" Alias=\"Capabilities\"/>\n"
                  "  </edmx:Reference>\n"
                  "  <edmx:DataServices>\n"
                  "    <Schema Namespace=\"" NAMESPACE "\" xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">\n"));
  for (enum jg_kind kind = JG_KIND_NONE; kind < JG_KIND_COUNT; kind++) {
    const struct jg_entity *entity = jg_entity(kind);
    if (jg_meta_is_type(entity)) {
      write_type(entity, out);
    }
  }
  write_container(sets, set_count, out);
  jg_buf_append_str(out, JG_STR("    </Schema>\n  </edmx:DataServices>\n</edmx:Edmx>\n"));
}
