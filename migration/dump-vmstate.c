/* -dump-vmstate: what each device type of this release saves, in QEMU's format, for its static checkers. */
#include "hw/core/device.h"
#include "hw/core/machine.h"
#include "migration/migration.h"
#include "migration/vmstate.h"
#include "util/file.h"

static void dump_type(const char *type, void *opaque)
{
    const VMStateDescription *desc = DEVICE_CLASS(object_class_by_name(type))->vmsd;
    GString *out = opaque;

    if (!desc) {
        return;
    }
    g_string_append_printf(out, ",\n  \"%s\": {\n    \"Name\": \"%s\",\n    \"version_id\": %d,\n"
                           "    \"minimum_version_id\": %d,\n", type, type, desc->version_id, desc->minimum_version_id);
    vmdesc_dump(out, desc, 4, false);
    g_string_append(out, "\n  }");
}

bool migration_dump_vmstate(const char *path, GError **error)
{
    g_autoptr(GString) out = g_string_new("{\n  \"vmschkmachine\": {\n");

    g_string_append_printf(out, "    \"Name\": \"%s\"\n  }",
                           current_machine ? MACHINE_GET_CLASS(current_machine)->name : "none");
    type_foreach(TYPE_DEVICE, false, dump_type, out);
    g_string_append(out, "\n}\n");
    return file_write(path, out->str, out->len, error);
}
