/* The configuration section: which machine type this is, which capabilities are on, and the machine's UUID. */
#include <errno.h>
#include <string.h>

#include "capability.h"
#include "hw/core/machine.h"
#include "migration/migration.h"
#include "migration/stream.h"
#include "savevm.h"
#include "util/error.h"
#include "util/log.h"

enum { CAPABILITIES_MAX = 64 };

typedef struct ReceivedCapability {
    char name[256];
} ReceivedCapability;

typedef struct Configuration {
    uint32_t length;
    char *name;                 /* not terminated */
    uint32_t num_capabilities;
    ReceivedCapability capabilities[CAPABILITIES_MAX];
    uint8_t uuid[16];
    Stream *s;                  /* loading: for notes */
} Configuration;

static uint8_t machine_uuid[16];
static bool machine_uuid_set;

void migration_set_uuid(const uint8_t uuid[16])
{
    memcpy(machine_uuid, uuid, 16);
    machine_uuid_set = true;
}

static char *uuid_text(const uint8_t u[16])
{
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2], u[3],
                           u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

/* Capabilities: a name is a byte of length and the text. */
static bool get_capability(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    ReceivedCapability *c = where;
    uint8_t length = stream_get_u8(s);
    Capability known;

    stream_get(s, c->name, length);
    c->name[length] = 0;
    if (!stream_error(s) && !capability_from_name(c->name, &known)) {
        return vmstate_error(error, EINVAL, "Received unknown capability %s", c->name);
    }
    return true;
}

static void put_capability(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    const ReceivedCapability *c = where;
    size_t length = strlen(c->name);

    stream_put_u8(s, length);
    stream_put(s, c->name, length);
}

static const VMStateKind kind_capability = { .name = "capability", .get = get_capability, .put = put_capability };

static const Capability validated_capabilities[] = { CAPABILITY_X_IGNORE_SHARED };

static bool capabilities_needed(void *opaque)
{
    for (size_t i = 0; i < G_N_ELEMENTS(validated_capabilities); i++) {
        if (capability_is_on(validated_capabilities[i])) {
            return true;
        }
    }
    return false;
}

static bool capabilities_pre_save(void *opaque, GError **error)
{
    Configuration *config = opaque;

    config->num_capabilities = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(validated_capabilities); i++) {
        if (capability_is_on(validated_capabilities[i])) {
            g_strlcpy(config->capabilities[config->num_capabilities++].name, capability_name(validated_capabilities[i]), 256);
        }
    }
    return true;
}

static const VMStateDescription vmstate_capabilities = {
    .name = "configuration/capabilities", .version_id = 1, .minimum_version_id = 1,
    .needed = capabilities_needed, .pre_save = capabilities_pre_save,
    .fields = VMS_FIELDS(
        VMS_U32(Configuration, num_capabilities),
        { .name = "capabilities", .kind = &kind_capability, .offset = offsetof(Configuration, capabilities),
          .size = sizeof(ReceivedCapability), .count_offset = offsetof(Configuration, num_capabilities), .count_size = 4,
          .max = CAPABILITIES_MAX }),
};

static bool uuid_needed(void *opaque)
{
    return machine_uuid_set && capability_is_on(CAPABILITY_VALIDATE_UUID);
}

static bool uuid_pre_save(void *opaque, GError **error)
{
    memcpy(((Configuration *)opaque)->uuid, machine_uuid, 16);
    return true;
}

static bool uuid_post_load(void *opaque, int version_id, GError **error)
{
    Configuration *config = opaque;
    g_autofree char *received = uuid_text(config->uuid), *local = uuid_text(machine_uuid);

    if (!machine_uuid_set) {
        warn_report("UUID is received %s, but local uuid isn't set", received);
        return true;
    }
    if (memcmp(config->uuid, machine_uuid, 16) != 0) {
        return vmstate_error(error, EINVAL, "UUID received is %s and local is %s", received, local);
    }
    return true;
}

static const VMStateDescription vmstate_uuid = {
    .name = "configuration/uuid", .version_id = 1, .minimum_version_id = 1,
    .needed = uuid_needed, .pre_save = uuid_pre_save, .post_load = uuid_post_load,
    .fields = VMS_FIELDS(VMS_BUFFER(Configuration, uuid)),
};

static const char *local_name(void)
{
    return current_machine ? MACHINE_GET_CLASS(current_machine)->name : "none";
}

static bool received_is_on(const Configuration *config, const char *name)
{
    for (uint32_t i = 0; i < config->num_capabilities; i++) {
        if (strcmp(config->capabilities[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* QEMU compares as far as the received name goes. */
static bool configuration_post_load(void *opaque, int version_id, GError **error)
{
    Configuration *config = opaque;
    const char *local = local_name();

    if (strncmp(config->name, local, config->length) != 0) {
        g_autofree char *received = g_strndup(config->name, config->length);
        g_autoptr(GError) unknown = NULL;

        if (machine_find(received, &unknown)) {
            stream_note(config->s, "the machine type must be the source's: start this side with -M %s", received);
        } else {
            stream_note(config->s, "the machine type must be the source's, and release %s has no '%s'",
                        release_name(release), received);
        }
        return vmstate_error(error, EINVAL, "Machine type received is '%s' and local is '%s'", received, local);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(validated_capabilities); i++) {
        const char *name = capability_name(validated_capabilities[i]);
        bool here = capability_is_on(validated_capabilities[i]), there = received_is_on(config, name);

        if (here != there) {
            return vmstate_error(error, EINVAL, "Capability %s is %s, but received capability is %s", name,
                                 here ? "on" : "off", there ? "on" : "off");
        }
    }
    return true;
}

static const VMStateDescription vmstate_configuration = {
    .name = "configuration", .version_id = 1, .post_load = configuration_post_load,
    .fields = VMS_FIELDS(
        VMS_U32(Configuration, length, .name = "len"),
        VMS_SIZED_BUFFER(Configuration, name, length, 255, .name = "name",
                         .flags = VMSF_SIZED | VMSF_POINTER | VMSF_ALLOC)),
    .subsections = VMS_SUBSECTIONS(&vmstate_capabilities, &vmstate_uuid),
};

bool configuration_save(Stream *s, GError **error)
{
    g_autofree Configuration *config = g_new0(Configuration, 1);

    config->name = (char *)local_name();
    config->length = strlen(config->name);
    return vmstate_save(s, &vmstate_configuration, config, NULL, error);
}

bool configuration_load(Stream *s, GError **error)
{
    g_autofree Configuration *config = g_new0(Configuration, 1);
    bool ok;

    config->s = s;
    ok = vmstate_load(s, &vmstate_configuration, config, 1, error);
    g_free(config->name);
    return ok;
}
