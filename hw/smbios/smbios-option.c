/* -smbios: what the user gives. */
#include <string.h>

#include "hw/smbios/smbios-internal.h"
#include "util/error.h"
#include "util/keyval.h"

#define S KEYVAL_STRING
#define N KEYVAL_NUMBER
#define B KEYVAL_BOOL
#define FILE_MAX_SIZE (64 * 1024)

static const KeyvalOption type_0_keys[] = {
    { "type", N }, { "vendor", S }, { "version", S }, { "date", S }, { "release", S }, { "uefi", B },
};
static const KeyvalOption type_1_keys[] = {
    { "type", N }, { "manufacturer", S }, { "product", S }, { "version", S }, { "serial", S }, { "uuid", S }, { "sku", S },
    { "family", S },
};
static const KeyvalOption type_2_keys[] = {
    { "type", N }, { "manufacturer", S }, { "product", S }, { "version", S }, { "serial", S }, { "asset", S },
    { "location", S },
};
static const KeyvalOption type_3_keys[] = {
    { "type", N }, { "manufacturer", S }, { "version", S }, { "serial", S }, { "asset", S }, { "sku", S },
};
static const KeyvalOption type_4_keys[] = {
    { "type", N }, { "sock_pfx", S }, { "manufacturer", S }, { "version", S }, { "serial", S }, { "asset", S }, { "part", S },
    { "max-speed", N }, { "current-speed", N }, { "processor-id", N },
};
static const KeyvalOption type_11_keys[] = { { "type", N }, { "value", S }, { "path", S } };
static const KeyvalOption type_17_keys[] = {
    { "type", N }, { "loc_pfx", S }, { "bank", S }, { "manufacturer", S }, { "serial", S }, { "asset", S }, { "part", S },
    { "speed", N },
};
static const KeyvalOption type_41_keys[] = {
    { "type", N }, { "designation", S }, { "kind", S }, { "instance", N }, { "pcidev", S },
};
static const KeyvalOption file_keys[] = { { "file", S } };

static const struct {
    unsigned type;
    const KeyvalOption *keys;
    size_t count;
} types[] = {
#define TYPE(n) { n, type_##n##_keys, G_N_ELEMENTS(type_##n##_keys) }
    TYPE(0), TYPE(1), TYPE(2), TYPE(3), TYPE(4), TYPE(11), TYPE(17), TYPE(41),
};

SmbiosGiven smbios_given;

static bool check_bytes(const Json *opts, GError **error)
{
    unsigned major, minor;
    uint8_t uuid[16];
    const char *release = json_member_string(opts, "release", NULL), *id = json_member_string(opts, "uuid", NULL);

    if (release && !smbios_parse_release(release, &major, &minor)) {
        return error_setf(error, "Invalid release");
    }
    if (id && !smbios_parse_uuid(id, uuid)) {
        return error_setf(error, "Invalid UUID");
    }
    return true;
}

static bool check_speeds(const Json *opts, GError **error)
{
    static const char *const keys[] = { "max-speed", "current-speed", "speed" };

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        uint64_t value;

        if (!keyval_get_uint(opts, keys[i], 0, &value, error)) {
            return false;
        }
        if (value > UINT16_MAX) {
            return error_setf(error, "SMBIOS CPU speed is too large (> %d)", UINT16_MAX);
        }
    }
    return true;
}

/* Type 11: every value= and path=, in order. A comma in a value is written twice. */
static bool add_strings(const char *text, GError **error)
{
    g_autoptr(GString) part = g_string_new(NULL);

    for (const char *p = text;; p++) {
        if (*p && (*p != ',' || p[1] == ',')) {
            p += *p == ',';
            g_string_append_c(part, *p);
            continue;
        }
        if (g_str_has_prefix(part->str, "value=")) {
            g_ptr_array_add(smbios_given.oem_strings, g_strdup(part->str + 6));
        } else if (g_str_has_prefix(part->str, "path=")) {
            char *data;

            if (!g_file_get_contents(part->str + 5, &data, NULL, NULL)) {
                return error_setf(error, "Could not open '%s': %s", part->str + 5, g_strerror(errno));
            }
            g_ptr_array_add(smbios_given.oem_strings, data);
        }
        if (!*p) {
            return true;
        }
        g_string_truncate(part, 0);
    }
}

static bool add_device(const Json *opts, GError **error)
{
    const char *kind = json_member_string(opts, "kind", "other");

    if (!smbios_device_kind(kind)) {
        return error_setf(error, "invalid parameter value: %s", kind);
    }
    g_ptr_array_add(smbios_given.devices, json_copy(opts));
    return true;
}

/* One structure, with its strings. */
static bool add_file(const Json *opts, GError **error)
{
    const char *path = json_member_string(opts, "file", "");
    g_autofree char *data = NULL;
    gsize length;

    if (!keyval_check(opts, file_keys, G_N_ELEMENTS(file_keys), error)) {
        return false;
    }
    if (!g_file_get_contents(path, &data, &length, NULL) || length < 6 || length > FILE_MAX_SIZE ||
        (uint8_t)data[1] < 4 || (uint8_t)data[1] + 2u > length || data[length - 1] || data[length - 2]) {
        return error_setf(error, "Cannot read SMBIOS file %s", path);
    }
    g_byte_array_append(smbios_given.files, (const uint8_t *)data, length);
    smbios_given.num_files++;
    smbios_given.largest_file = MAX(smbios_given.largest_file, length);
    smbios_given.in_file[(uint8_t)data[0] / 8] |= 1u << ((uint8_t)data[0] % 8);
    return true;
}

static void init_given(void)
{
    if (!smbios_given.files) {
        smbios_given.files = g_byte_array_new();
        smbios_given.oem_strings = g_ptr_array_new();
        smbios_given.devices = g_ptr_array_new();
    }
}

bool smbios_add_option(const Json *opts, const char *text, GError **error)
{
    uint64_t type;

    init_given();
    if (json_has(opts, "file")) {
        return add_file(opts, error);
    }
    if (!json_has(opts, "type")) {
        return error_setf(error, "Must specify type= or file=");
    }
    if (!keyval_get_uint(opts, "type", 0, &type, NULL)) {
        return error_setf(error, "Parameter 'type' expects a number");
    }
    if (type > 127) {
        return error_setf(error, "out of range!");
    }
    if (smbios_in_file(type)) {
        return error_setf(error, "can't add fields, binary file already loaded!");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (types[i].type == type) {
            if (!keyval_check(opts, types[i].keys, types[i].count, error) || !check_bytes(opts, error) ||
                !check_speeds(opts, error)) {
                return false;
            }
            if (type == 11) {
                return add_strings(text, error);
            }
            if (type == 41) {
                return add_device(opts, error);
            }
            if (!smbios_given.fields[type]) {
                smbios_given.fields[type] = json_new_object();
            }
            keyval_merge(smbios_given.fields[type], opts);
            return true;
        }
    }
    return error_setf(error, "Don't know how to build fields for SMBIOS type %u", (unsigned)type);
}
