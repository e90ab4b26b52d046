/* Writing a whole machine. See savevm.h. */
#include "savevm.h"

#include <string.h>

#include "hw/core/machine.h"
#include "ledger-internal.h"
#include "migration/migration.h"
#include "migration/stream.h"
#include "migration-object.h"
#include "registry.h"
#include "system/memory.h"
#include "util/error.h"

bool savevm_allowed(GError **error)
{
    Section *section = registry_unmigratable();

    if (section) {
        return error_setf(error, "State blocked by non-migratable device '%s'", section->idstr);
    }
    return migration_blockers_allow(error);
}

bool savevm_header(Stream *s, GError **error)
{
    stream_put_be32(s, STREAM_MAGIC);
    stream_put_be32(s, STREAM_VERSION);
    stream_put_u8(s, ELEMENT_CONFIGURATION);
    return configuration_save(s, error);
}

static void put_section_header(Stream *s, const Section *section, uint8_t type)
{
    stream_put_u8(s, type);
    stream_put_be32(s, section->section_id);
    if (type == ELEMENT_SECTION_START || type == ELEMENT_SECTION_FULL) {
        size_t length = strlen(section->idstr);

        stream_put_u8(s, length);
        stream_put(s, section->idstr, length);
        stream_put_be32(s, section->instance_id);
        stream_put_be32(s, section->version_id);
    }
}

static void put_section_footer(Stream *s, const Section *section)
{
    stream_put_u8(s, ELEMENT_FOOTER);
    stream_put_be32(s, section->section_id);
}

typedef struct Phase {
    Stream *s;
    GString *json;
    uint64_t pending;
    bool exact, done;
    GError **error;
} Phase;

static bool prepare_one(Section *section, void *opaque)
{
    GError **error = opaque;

    return !section->handlers || !section->handlers->prepare || section->handlers->prepare(section->opaque, error);
}

bool savevm_prepare(GError **error)
{
    return registry_foreach(prepare_one, error);
}

static bool setup_one(Section *section, void *opaque)
{
    Phase *phase = opaque;
    bool ok;

    if (!section->handlers || !section->handlers->setup) {
        return true;
    }
    put_section_header(phase->s, section, ELEMENT_SECTION_START);
    ok = section->handlers->setup(phase->s, section->opaque, phase->error);
    put_section_footer(phase->s, section);
    return ok;
}

bool savevm_setup(Stream *s, GError **error)
{
    Phase phase = { .s = s, .error = error };

    return registry_foreach(setup_one, &phase);
}

static bool iterate_one(Section *section, void *opaque)
{
    Phase *phase = opaque;
    bool ok, done = true;

    if (!section->handlers || !section->handlers->iterate) {
        return true;
    }
    put_section_header(phase->s, section, ELEMENT_SECTION_PART);
    ok = section->handlers->iterate(phase->s, section->opaque, &done, phase->error);
    put_section_footer(phase->s, section);
    phase->done &= done;
    return ok;
}

bool savevm_iterate(Stream *s, bool *done, GError **error)
{
    Phase phase = { .s = s, .error = error, .done = true };
    bool ok = registry_foreach(iterate_one, &phase);

    *done = phase.done;
    return ok;
}

static bool pending_one(Section *section, void *opaque)
{
    Phase *phase = opaque;

    if (section->handlers && section->handlers->pending) {
        phase->pending += section->handlers->pending(section->opaque, phase->exact);
    }
    return true;
}

uint64_t savevm_pending(bool exact)
{
    Phase phase = { .exact = exact };

    registry_foreach(pending_one, &phase);
    return phase.pending;
}

static bool complete_one(Section *section, void *opaque)
{
    Phase *phase = opaque;
    bool ok;

    if (!section->handlers || !section->handlers->complete) {
        return true;
    }
    put_section_header(phase->s, section, ELEMENT_SECTION_END);
    ok = section->handlers->complete(phase->s, section->opaque, phase->error);
    put_section_footer(phase->s, section);
    return ok;
}

bool savevm_complete(Stream *s, GError **error)
{
    Phase phase = { .s = s, .error = error };

    return registry_foreach(complete_one, &phase);
}

static bool save_one(Section *section, void *opaque)
{
    Phase *phase = opaque;
    bool ok;

    if (!section->desc || !vmstate_needed(section->desc, section->opaque)) {
        return true;
    }
    put_section_header(phase->s, section, ELEMENT_SECTION_FULL);
    if (phase->json) {
        vmdesc_open(phase->json, '{');
        vmdesc_string(phase->json, "name", section->idstr);
        vmdesc_int(phase->json, "instance_id", section->instance_id);
    }
    ok = vmstate_save(phase->s, section->desc, section->opaque, phase->json, phase->error);
    if (phase->json) {
        vmdesc_close(phase->json, '}');
    }
    put_section_footer(phase->s, section);
    return ok;
}

bool savevm_devices(Stream *s, GString *json, GError **error)
{
    Phase phase = { .s = s, .json = json, .error = error };

    if (json) {
        vmdesc_open(json, '{');
        vmdesc_int(json, "page_size", TARGET_PAGE_SIZE);
        vmdesc_name(json, "devices");
        vmdesc_open(json, '[');
    }
    if (!registry_foreach(save_one, &phase)) {
        return false;
    }
    if (json) {
        vmdesc_close(json, ']');
        vmdesc_name(json, LEDGER_KEY);
        ledger_write(json);
        vmdesc_close(json, '}');
        if (migration_object()->old_vmdesc) {
            vmdesc_respace(json);
        }
    }
    return true;
}

void savevm_end(Stream *s, const GString *json)
{
    stream_put_u8(s, ELEMENT_EOF);
    if (json) {
        stream_put_u8(s, ELEMENT_VMDESCRIPTION);
        stream_put_be32(s, json->len);
        stream_put(s, json->str, json->len);
    }
}

static bool cleanup_one(Section *section, void *opaque)
{
    if (section->handlers && section->handlers->cleanup) {
        section->handlers->cleanup(section->opaque);
    }
    return true;
}

void savevm_cleanup(void)
{
    registry_foreach(cleanup_one, NULL);
}

bool savevm_machine(Stream *s, GError **error)
{
    g_autoptr(GString) json = current_machine && current_machine->suppress_vmdesc ? NULL : g_string_new(NULL);
    bool ok = savevm_prepare(error) && savevm_header(s, error) && savevm_setup(s, error);
    bool done = false;

    while (ok && !done && !stream_error(s)) {
        ok = savevm_iterate(s, &done, error);
    }
    ok = ok && savevm_complete(s, error) && savevm_devices(s, json, error);
    savevm_cleanup();
    if (!ok) {
        return false;
    }
    savevm_end(s, json);
    if (!stream_flush(s)) {
        g_propagate_error(error, g_error_copy(stream_error(s)));
        return false;
    }
    return true;
}
