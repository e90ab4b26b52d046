/* Reading a whole machine: the frame is checked here, word for word as QEMU does. See savevm.h. */
#include <errno.h>
#include <string.h>

#include "hw/core/machine.h"
#include "ledger-internal.h"
#include "migration/migration.h"
#include "migration/stream.h"
#include "registry.h"
#include "savevm.h"
#include "system/main-loop.h"
#include "util/error.h"
#include "util/log.h"

enum {
    VMDESC_MAX = 16 * 1024 * 1024,  /* a longer one is skipped unread */
    COMMAND_OPEN_RETURN_PATH = 1,
    COMMAND_PING = 2,
};

typedef struct Loaded {
    Section *section;
    int version_id;
} Loaded;

typedef struct Load {
    Stream *s;
    GHashTable *by_stream_id;   /* the sender's section id -> Loaded */
    bool return_path;
} Load;

/* As vmstate.c's: another line, the errno stays. */
static bool G_GNUC_PRINTF(3, 4) add_line(GError **error, GError *inner, const char *format, ...)
{
    g_autofree char *line = NULL;
    va_list args;

    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    vmstate_error(error, vmstate_error_errno(inner), "%s%s%s", inner->message, *inner->message ? "\n" : "", line);
    g_error_free(inner);
    return false;
}

static bool load_header(Stream *s, GError **error)
{
    uint32_t magic = stream_get_be32(s), version;

    if (magic != STREAM_MAGIC) {
        return vmstate_error(error, EINVAL, "Not a migration stream");
    }
    version = stream_get_be32(s);
    if (version == 2) {
        return vmstate_error(error, ENOTSUP, "SaveVM v2 format is obsolete and don't work anymore");
    }
    if (version != STREAM_VERSION) {
        return vmstate_error(error, ENOTSUP, "Unsupported migration stream version");
    }
    if (stream_get_u8(s) != ELEMENT_CONFIGURATION) {
        return vmstate_error(error, EINVAL, "Configuration section missing");
    }
    return configuration_load(s, error);
}

static bool check_footer(Load *load, const char *idstr, uint32_t section_id, GError **error)
{
    uint8_t mark = stream_get_u8(load->s);
    uint32_t id;

    if (stream_error(load->s)) {
        return vmstate_error(error, EINVAL, "check_section_footer: Read section footer failed: %d", -stream_errno(load->s));
    }
    if (mark != ELEMENT_FOOTER) {
        return vmstate_error(error, EINVAL, "Missing section footer for %s", idstr);
    }
    id = stream_get_be32(load->s);
    if (id != section_id) {
        return vmstate_error(error, EINVAL, "Mismatched section id in footer for %s - read 0x%x expected 0x%x", idstr, id,
                             section_id);
    }
    return true;
}

/* RAM is loaded without the lock: it is the bulk, and only touches memory. */
static bool load_body(Load *load, Section *section, int version_id, GError **error)
{
    bool lock = !big_lock_held(), ok;

    if (section->handlers) {
        return section->handlers->load(load->s, section->opaque, version_id, error);
    }
    if (lock) {
        big_lock();
    }
    ok = vmstate_load(load->s, section->desc, section->opaque, version_id, error);
    if (lock) {
        big_unlock();
    }
    return ok;
}

static bool get_section_name(Stream *s, uint32_t section_id, char idstr[256], GError **error)
{
    uint8_t length = stream_get_u8(s);

    stream_get(s, idstr, length);
    idstr[length] = 0;
    if (stream_error(s) || !length || strlen(idstr) != length) {
        return vmstate_error(error, EINVAL, "Unable to read ID string for section %u", section_id);
    }
    return true;
}

static bool load_start_or_full(Load *load, GError **error)
{
    uint32_t section_id = stream_get_be32(load->s), instance_id;
    GError *inner = NULL;
    Section *section;
    Loaded *loaded;
    int version_id;
    char idstr[256];

    if (!get_section_name(load->s, section_id, idstr, error)) {
        return false;
    }
    instance_id = stream_get_be32(load->s);
    version_id = (int32_t)stream_get_be32(load->s);
    if (stream_error(load->s)) {
        return vmstate_error(error, stream_errno(load->s),
                             "qemu_loadvm_section_start_full: Failed to read instance/version ID: %d",
                             -stream_errno(load->s));
    }
    section = registry_find(idstr, instance_id);
    if (!section) {
        ledger_note_missing(load->s, idstr);
        return vmstate_error(error, EINVAL,
                             "Unknown savevm section or instance '%s' %u. Make sure that your current VM setup matches "
                             "your saved VM setup, including any hotplugged devices", idstr, instance_id);
    }
    if ((uint32_t)version_id > (uint32_t)section->version_id) {
        return vmstate_error(error, EINVAL, "savevm: unsupported version %d for '%s' v%d", version_id, idstr,
                             section->version_id);
    }
    loaded = g_new(Loaded, 1);
    *loaded = (Loaded){ section, version_id };
    g_hash_table_replace(load->by_stream_id, GUINT_TO_POINTER(section_id), loaded);
    if (!load_body(load, section, version_id, &inner)) {
        return add_line(error, inner, "error while loading state for instance 0x%x of device '%s'", instance_id, idstr);
    }
    return check_footer(load, idstr, section_id, error);
}

static bool load_part_or_end(Load *load, GError **error)
{
    uint32_t section_id = stream_get_be32(load->s);
    Loaded *loaded = g_hash_table_lookup(load->by_stream_id, GUINT_TO_POINTER(section_id));
    GError *inner = NULL;

    if (stream_error(load->s)) {
        return vmstate_error(error, stream_errno(load->s), "qemu_loadvm_section_part_end: Failed to read section ID: %d",
                             -stream_errno(load->s));
    }
    if (!loaded) {
        return vmstate_error(error, EINVAL, "Unknown savevm section %d", (int)section_id);
    }
    if (!load_body(load, loaded->section, loaded->version_id, &inner)) {
        return add_line(error, inner, "error while loading state section id %d(%s)", (int)section_id,
                        loaded->section->idstr);
    }
    return check_footer(load, loaded->section->idstr, section_id, error);
}

static bool bad_length(const char *name, unsigned want, unsigned got, GError **error)
{
    return vmstate_error(error, ERANGE, "%s received with bad length - expecting %u, got %u", name, want, got);
}

/* None is of use without a way back to the sender; QEMU's words for each. */
static bool load_command(Load *load, GError **error)
{
    uint16_t command = stream_get_be16(load->s), length = stream_get_be16(load->s);
    uint32_t number;

    if (stream_error(load->s)) {
        return vmstate_error(error, stream_errno(load->s), "%s", "");
    }
    switch (command) {
    case COMMAND_OPEN_RETURN_PATH:
        load->return_path = true;   /* nothing is ever sent on it */
        return length == 0 || bad_length("OPEN_RETURN_PATH", 0, length, error);
    case COMMAND_PING:
        if (length != 4) {
            return bad_length("PING", 4, length, error);
        }
        number = stream_get_be32(load->s);
        return load->return_path || vmstate_error(error, EPERM, "CMD_PING (0x%x) received with no return path", number);
    default:
        return vmstate_error(error, EINVAL, "MIG_CMD 0x%x unknown (len 0x%x)", command, length);
    }
}

static bool load_elements(Load *load, GError **error)
{
    for (;;) {
        uint8_t type = stream_get_u8(load->s);
        bool ok;

        if (stream_error(load->s)) {
            return vmstate_error(error, stream_errno(load->s), "%s", "");
        }
        switch (type) {
        case ELEMENT_EOF:
            return true;
        case ELEMENT_SECTION_START:
        case ELEMENT_SECTION_FULL:
            ok = load_start_or_full(load, error);
            break;
        case ELEMENT_SECTION_PART:
        case ELEMENT_SECTION_END:
            ok = load_part_or_end(load, error);
            break;
        case ELEMENT_COMMAND:
            ok = load_command(load, error);
            break;
        default:
            return vmstate_error(error, EINVAL, "Unknown savevm section type %d", type);
        }
        if (!ok) {
            return false;
        }
    }
}

/* What follows the end is never a reason to refuse: QEMU takes a stream whose description is cut off or missing. */
static Json *load_description(Stream *s)
{
    uint8_t type = stream_get_u8(s);
    g_autofree char *text = NULL;
    uint32_t length;

    if (type != ELEMENT_VMDESCRIPTION) {
        error_report("Expected vmdescription section, but got %d", type);
        return NULL;
    }
    length = stream_get_be32(s);
    if (length > VMDESC_MAX) {
        stream_skip(s, length);
        return NULL;
    }
    text = g_try_malloc(length + 1);
    if (!text || !stream_get(s, text, length)) {
        return NULL;
    }
    text[length] = 0;
    return ledger_extract(text, length);
}

static bool setup_one(Section *section, void *opaque)
{
    GError **error = opaque;

    return !section->handlers || !section->handlers->load_setup || section->handlers->load_setup(section->opaque, error);
}

static bool load_setup(GError **error)
{
    bool lock = !big_lock_held(), ok;

    if (lock) {
        big_lock();
    }
    ok = registry_foreach(setup_one, error);
    if (lock) {
        big_unlock();
    }
    return ok;
}

static bool undo_one(Section *section, void *opaque)
{
    if (section->handlers && section->handlers->load_undo) {
        section->handlers->load_undo(section->opaque);
    }
    return true;
}

static bool cleanup_one(Section *section, void *opaque)
{
    if (section->handlers && section->handlers->load_cleanup) {
        section->handlers->load_cleanup(section->opaque);
    }
    return true;
}

void loadvm_undo(void)
{
    registry_foreach(undo_one, NULL);
    registry_foreach(cleanup_one, NULL);
}

void loadvm_commit(void)
{
    registry_foreach(cleanup_one, NULL);
}

bool loadvm_machine(Stream *s, Json **ledger, GError **error)
{
    Load load = { .s = s };
    bool ok;

    *ledger = NULL;
    load.by_stream_id = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    ok = load_header(s, error) && load_setup(error) && load_elements(&load, error);
    g_hash_table_unref(load.by_stream_id);
    if (ok && !(current_machine && current_machine->suppress_vmdesc)) {
        *ledger = load_description(s);
    }
    return ok;
}
