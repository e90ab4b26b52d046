/* What -machine can set on every PC. */
#include <string.h>

#include "hw/i386/pc.h"
#include "util/error.h"
#include "util/log.h"
#include "util/units.h"

static bool check_below_4g(Object *obj, const Property *prop, uint64_t value, GError **error)
{
    if (value > 4 * GiB) {
        return error_setf(error, "Machine option 'max-ram-below-4g=%" G_GUINT64_FORMAT
                          "' expects size less than or equal to 4G", value);
    }
    if (value < 1 * MiB) {
        warn_report("Only %" G_GUINT64_FORMAT
                    " bytes of RAM below the 4GiB boundary,BIOS may not work with less than 1MiB",
                    value);
    }
    return true;
}

static bool check_fw_size(Object *obj, const Property *prop, uint64_t value, GError **error)
{
    /* The firmware must not reach down to the I/O APIC. */
    return value <= 16 * MiB ||
           error_setf(error, "User specified max allowed firmware size %" G_GUINT64_FORMAT
                      " is greater than 16MiB. If combined firmware size exceeds 16MiB the system may not boot, or"
                      " experience intermittentstability issues.", value);
}

static bool check_off(Object *obj, const Property *prop, uint64_t value, GError **error)
{
    return !value || error_setf(error, "'%s' is not supported", prop->name);
}

static bool text_limited(Object *obj, const Property *prop, Json *value, GError **error)
{
    const char *text = json_get_string(value);
    size_t limit = (size_t)(uintptr_t)prop->arg;

    if (text && strlen(text) > limit) {
        return error_setf(error, "User specified %s value is bigger than %zu bytes in size", prop->name, limit);
    }
    return prop_kind_string.set(obj, prop, value, error);
}

static Json *text_get(Object *obj, const Property *prop, GError **error)
{
    const char *text = *(char **)property_field(obj, prop);

    return json_new_string(text ? text : prop->defstr ? prop->defstr : "");
}

static void text_release(Object *obj, const Property *prop)
{
    prop_kind_string.release(obj, prop);
}

static const PropertyKind kind_oem = {
    .name = "string", .set = text_limited, .get = text_get, .release = text_release
};

static bool smbios_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    const char *text = json_get_string(value);

    if (!text || (strcmp(text, "32") && strcmp(text, "64") && strcmp(text, "auto"))) {
        return error_setf(error, "Parameter '%s' does not accept value '%s'", prop->name, text ? text : "");
    }
    return prop_kind_string.set(obj, prop, value, error);
}
static const PropertyKind kind_smbios = { .name = "str", .set = smbios_set, .get = text_get, .release = text_release };
static const PropertyKind kind_audio = { .name = "str", .set = text_limited, .get = text_get, .release = text_release };

static Json *zero_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_uint(0);
}
static const PropertyKind kind_hotplug_region = { .name = "int", .get = zero_get };

#define AUTO(n, f, d) DEFINE_PROP_ON_OFF_AUTO(n, PCMachineState, f, ON_OFF_AUTO_AUTO, .description = d)
#define BOOL(n, f, v, d, ...) DEFINE_PROP_BOOL(n, PCMachineState, f, v, .description = d, ##__VA_ARGS__)
#define TEXT(n, k, f, limit, def, d)                                                                                   \
    DEFINE_PROP(n, k, PCMachineState, f, 0, .no_default = true, .arg = (const void *)(uintptr_t)(limit),               \
                .defstr = def, .description = d)

static const Property pc_props[] = {
    AUTO("acpi", acpi, "Enable ACPI"),
    DEFINE_PROP_UINT64("bus-lock-ratelimit", PCMachineState, bus_lock_ratelimit, 0, .type = "uint64_t",
                       .description = "Set the ratelimit for the bus locks acquired in VMs"),
    BOOL("default-bus-bypass-iommu", bypass_iommu, false, NULL),
    { .name = "device-memory-region-size", .kind = &kind_hotplug_region, .no_default = true },
    BOOL("hmat", hmat, false, "Set on/off to enable/disable ACPI Heterogeneous Memory Attribute Table (HMAT)",
         .check = check_off, .hidden = true),
    BOOL("hpet", hpet, true, "Enable/disable high precision event timer emulation"),
    BOOL("i8042", i8042, true, NULL),
    DEFINE_PROP_SIZE("max-fw-size", PCMachineState, max_fw_size, 8 * MiB, .check = check_fw_size,
                     .description = "Maximum combined firmware size"),
    DEFINE_PROP_SIZE("max-ram-below-4g", PCMachineState, max_ram_below_4g, 4 * GiB, .check = check_below_4g,
                     .description = "Maximum ram below the 4G boundary (32bit boundary)"),
    BOOL("nvdimm", nvdimm, false, "Set on/off to enable/disable NVDIMM instantiation", .check = check_off,
         .hidden = true),
    DEFINE_PROP("pcspk-audiodev", kind_audio, PCMachineState, pcspk_audiodev, 0, .no_default = true, .hidden = true,
                .arg = (const void *)(uintptr_t)255, .description = "ID of an audiodev to use as a backend"),
    AUTO("pic", pic, "Enable i8259 PIC"),
    AUTO("pit", pit, "Enable i8254 PIT"),
    BOOL("sata", sata, true, "Enable/disable Serial ATA bus"),
    TEXT("smbios-entry-point-type", kind_smbios, smbios_ep_type, 4, "32", "SMBIOS Entry Point type [32, 64]"),
    BOOL("smbus", smbus, true, "Enable/disable system management bus"),
    AUTO("smm", smm, "Enable SMM"),
    AUTO("vmport", vmport, "Enable vmport (pc & q35)"),
    DEFINE_PROP_BOOL("x-godwit-smbios-family-2", PCMachineState, smbios_family_2, true, .hidden = true),
    DEFINE_PROP_BOOL("x-godwit-smbios-threads", PCMachineState, smbios_threads_per_socket, true, .hidden = true),
    TEXT("x-oem-id", kind_oem, oem_id, 6, "BOCHS ",
         "Override the default value of field OEMID in ACPI table header.The string may be up to 6 bytes in size"),
    TEXT("x-oem-table-id", kind_oem, oem_table_id, 8, "BXPC    ",
         "Override the default value of field OEM Table ID in ACPI table header.The string may be up to 8 bytes in "
         "size"),
};

void pc_machine_class_add_props(ObjectClass *klass)
{
    object_class_add_props(klass, pc_props, G_N_ELEMENTS(pc_props));
}

bool pc_acpi_enabled(const PCMachineState *pc)
{
    return pc->acpi != ON_OFF_AUTO_OFF;
}

bool pc_smm_enabled(const PCMachineState *pc)
{
    return pc->smm != ON_OFF_AUTO_OFF;
}
