/* The registry of sections. Sections are kept per priority in order of registration, and found by name in a hash table. */
#include "registry.h"

#include <string.h>

#include "util/error.h"

/* How many sections have a name, and the next free instance. */
typedef struct Name {
    unsigned count;
    uint32_t next_instance;
} Name;

static GQueue by_priority[MIG_PRI_MAX];
static GHashTable *by_id;           /* Section -> itself, by (idstr, instance_id) */
static GHashTable *by_owner;        /* Section -> itself, by (desc, opaque) */
static GHashTable *names;           /* idstr -> Name */
static uint32_t next_section_id;

static guint id_hash(gconstpointer p)
{
    const Section *section = p;

    return g_str_hash(section->idstr) * 31 + section->instance_id;
}

static gboolean id_equal(gconstpointer a, gconstpointer b)
{
    const Section *x = a, *y = b;

    return x->instance_id == y->instance_id && strcmp(x->idstr, y->idstr) == 0;
}

static guint owner_hash(gconstpointer p)
{
    const Section *section = p;

    return g_direct_hash(section->desc) * 31 + g_direct_hash(section->opaque);
}

static gboolean owner_equal(gconstpointer a, gconstpointer b)
{
    const Section *x = a, *y = b;

    return x->desc == y->desc && x->opaque == y->opaque;
}

static void make_tables(void)
{
    if (!by_id) {
        by_id = g_hash_table_new(id_hash, id_equal);
        by_owner = g_hash_table_new(owner_hash, owner_equal);
        names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    }
}

static Name *name_of(const char *idstr)
{
    Name *name = g_hash_table_lookup(names, idstr);

    if (!name) {
        name = g_new0(Name, 1);
        g_hash_table_insert(names, g_strdup(idstr), name);
    }
    return name;
}

/* Takes `idstr` over. */
static Section *add(char *idstr, int instance_id, GError **error)
{
    Section *section;
    Name *name;

    make_tables();
    if (strlen(idstr) > 255) {
        error_setf(error, "the name of a section has at most 255 bytes, this one more: %s", idstr);
        g_free(idstr);
        return NULL;
    }
    name = name_of(idstr);
    section = g_new0(Section, 1);
    section->idstr = idstr;
    section->instance_id = instance_id < 0 ? name->next_instance : (uint32_t)instance_id;
    if (g_hash_table_contains(by_id, section)) {
        error_setf(error, "there is already a section '%s' with instance %u", idstr, section->instance_id);
        g_free(section->idstr);
        g_free(section);
        return NULL;
    }
    name->count++;
    name->next_instance = MAX(name->next_instance, section->instance_id + 1);
    section->section_id = next_section_id++;
    section->link.data = section;
    g_hash_table_add(by_id, section);
    return section;
}

static void enlist(Section *section)
{
    g_queue_push_tail_link(&by_priority[section->priority], &section->link);
}

/* The highest instance left decides what the next free one is: looked for only when the highest goes. */
static uint32_t next_instance_after_removal(const char *idstr)
{
    uint32_t next = 0;

    for (int i = 0; i < MIG_PRI_MAX; i++) {
        for (GList *l = by_priority[i].head; l; l = l->next) {
            Section *section = l->data;
            if (strcmp(section->idstr, idstr) == 0) {
                next = MAX(next, section->instance_id + 1);
            }
        }
    }
    return next;
}

static void drop(Section *section)
{
    Name *name = g_hash_table_lookup(names, section->idstr);

    g_queue_unlink(&by_priority[section->priority], &section->link);
    g_hash_table_remove(by_id, section);
    if (section->desc) {
        g_hash_table_remove(by_owner, section);
    }
    if (--name->count == 0) {
        g_hash_table_remove(names, section->idstr);
    } else if (name->next_instance == section->instance_id + 1) {
        name->next_instance = next_instance_after_removal(section->idstr);
    }
    g_free(section->idstr);
    g_free(section);
}

bool vmstate_register(const char *path, int instance_id, const VMStateDescription *desc, void *opaque, GError **error)
{
    Section *section = add(path ? g_strconcat(path, "/", desc->name, NULL) : g_strdup(desc->name), instance_id, error);

    if (!section) {
        return false;
    }
    section->desc = desc;
    section->version_id = desc->version_id;
    section->opaque = opaque;
    section->priority = desc->priority;
    g_assert(section->priority < MIG_PRI_MAX);
    g_hash_table_add(by_owner, section);
    enlist(section);
    return true;
}

void vmstate_unregister(const VMStateDescription *desc, void *opaque)
{
    Section key = { .desc = desc, .opaque = opaque };
    Section *section = by_owner ? g_hash_table_lookup(by_owner, &key) : NULL;

    if (section) {
        drop(section);
    }
}

bool savevm_register(const char *idstr, int instance_id, int version_id, const SaveHandlers *handlers, void *opaque,
                     GError **error)
{
    Section *section = add(g_strdup(idstr), instance_id, error);

    if (!section) {
        return false;
    }
    section->handlers = handlers;
    section->version_id = version_id;
    section->opaque = opaque;
    enlist(section);
    return true;
}

static bool find_handlers(Section *section, void *opaque)
{
    Section *wanted = opaque;

    if (section->handlers && section->opaque == wanted->opaque && strcmp(section->idstr, wanted->idstr) == 0) {
        wanted->link.data = section;
        return false;
    }
    return true;
}

void savevm_unregister(const char *idstr, void *opaque)
{
    Section wanted = { .idstr = (char *)idstr, .opaque = opaque };

    registry_foreach(find_handlers, &wanted);
    if (wanted.link.data) {
        drop(wanted.link.data);
    }
}

bool registry_foreach(bool (*fn)(Section *section, void *opaque), void *opaque)
{
    for (int i = MIG_PRI_MAX - 1; i >= 0; i--) {
        for (GList *l = by_priority[i].head; l; l = l->next) {
            if (!fn(l->data, opaque)) {
                return false;
            }
        }
    }
    return true;
}

Section *registry_find(const char *idstr, uint32_t instance_id)
{
    Section key = { .idstr = (char *)idstr, .instance_id = instance_id };

    return by_id ? g_hash_table_lookup(by_id, &key) : NULL;
}

static bool find_unmigratable(Section *section, void *opaque)
{
    if (section->desc && section->desc->unmigratable) {
        *(Section **)opaque = section;
        return false;
    }
    return true;
}

Section *registry_unmigratable(void)
{
    Section *found = NULL;

    registry_foreach(find_unmigratable, &found);
    return found;
}

void registry_skip_ids(uint32_t next)
{
    next_section_id = MAX(next_section_id, next);
}
