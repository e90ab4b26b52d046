/* See migration-object.h. */
#include "migration-object.h"

#include "hw/core/compat.h"
#include "migration/migration.h"
#include "migration/register.h"
#include "ram.h"
#include "registry.h"
#include "state.h"
#include "util/error.h"

struct MigrationBlocker {
    char *reason;
    GList link;
};

static MigrationObject *the_object;
static GQueue blockers = G_QUEUE_INIT;
static bool only_migratable;

static const Property migration_props[] = {
    DEFINE_PROP_BOOL("store-global-state", MigrationObject, store_global_state, true),
    DEFINE_PROP_BOOL("x-allow-drift", MigrationObject, allow_drift, false,
                     .description = "Load also what the guest would see change"),
    /* About channels that there are none of here: kept, since machine types and command lines name them. */
    DEFINE_PROP_BOOL("x-preempt-pre-7-2", MigrationObject, preempt_pre_7_2, false),
    DEFINE_PROP_BOOL("multifd-flush-after-each-section", MigrationObject, multifd_flush, false),
    DEFINE_PROP_BOOL("x-godwit-old-vmdesc", MigrationObject, old_vmdesc, false, .hidden = true),
};

static void migration_class_init(ObjectClass *klass, const void *data)
{
    object_class_add_props(klass, migration_props, G_N_ELEMENTS(migration_props));
}

static const TypeInfo migration_info = {
    .name = TYPE_MIGRATION, .parent = TYPE_OBJECT, .size = sizeof(MigrationObject), .class_init = migration_class_init,
};
TYPE_REGISTER(migration_info)

static bool make_object(GError **error)
{
    if (the_object) {
        return true;
    }
    the_object = MIGRATION(object_new(TYPE_MIGRATION));
    return compat_apply(&the_object->parent_obj, error);
}

MigrationObject *migration_object(void)
{
    make_object(NULL);
    return the_object;
}

/* QEMU numbers other sections before and after; an id has no meaning beyond one stream, but it is shown in errors. */
enum { RAM_SECTION_ID = 2, FIRST_DEVICE_ID = 4 };

bool migration_init(GError **error)
{
    if (!make_object(error) || !timer_state_register(error)) {
        return false;
    }
    registry_skip_ids(RAM_SECTION_ID);
    if (!ram_register(error)) {
        return false;
    }
    registry_skip_ids(FIRST_DEVICE_ID);
    return true;
}

bool migration_machine_done(GError **error)
{
    return global_state_register(error);
}

void migration_set_only_migratable(void)
{
    only_migratable = true;
}

bool migration_only_migratable(void)
{
    return only_migratable;
}

bool migration_allows_device(const char *type, const VMStateDescription *desc, GError **error)
{
    if (only_migratable && desc && desc->unmigratable) {
        return error_setf(error, "Device %s is not migratable, but --only-migratable was specified", type);
    }
    return true;
}

MigrationBlocker *migration_block(const char *reason, GError **error)
{
    MigrationBlocker *blocker;

    if (only_migratable) {
        error_setf(error, "disallowing migration blocker (--only-migratable) for: %s", reason);
        return NULL;
    }
    if (!migration_is_idle()) {
        error_setf(error, "disallowing migration blocker (migration/snapshot in progress) for: %s", reason);
        return NULL;
    }
    blocker = g_new0(MigrationBlocker, 1);
    blocker->reason = g_strdup(reason);
    blocker->link.data = blocker;
    g_queue_push_head_link(&blockers, &blocker->link);
    return blocker;
}

void migration_unblock(MigrationBlocker *blocker)
{
    if (blocker) {
        g_queue_unlink(&blockers, &blocker->link);
        g_free(blocker->reason);
        g_free(blocker);
    }
}

bool migration_blockers_allow(GError **error)
{
    MigrationBlocker *first = g_queue_peek_head(&blockers);

    return !first || error_setf(error, "%s", first->reason);
}

static bool add_unmigratable(Section *section, void *list)
{
    if (section->desc && section->desc->unmigratable) {
        g_autofree char *reason = g_strdup_printf("non-migratable device: %s", section->idstr);

        json_append(list, json_new_string(reason));
    }
    return true;
}

Json *migration_blocked_reasons(void)
{
    Json *list = json_new_array();

    for (GList *l = blockers.head; l; l = l->next) {
        json_append(list, json_new_string(((MigrationBlocker *)l->data)->reason));
    }
    registry_foreach(add_unmigratable, list);
    if (!json_count(list)) {
        g_clear_pointer(&list, json_unref);
    }
    return list;
}
